# The migrations of the database (src/store/migrations/*.sql) become a C file of the library; edits FG_PLATFORM_SOURCES.
file(GLOB FG_MIGRATIONS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/store/migrations/*.sql)
set(FG_MIGRATIONS_C ${CMAKE_BINARY_DIR}/migrations.c)
add_custom_command(OUTPUT ${FG_MIGRATIONS_C}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${CMAKE_SOURCE_DIR}/src/store/migrations -DOUTPUT=${FG_MIGRATIONS_C}
        -P ${CMAKE_SOURCE_DIR}/cmake/EmbedMigrations.cmake
    DEPENDS ${FG_MIGRATIONS} ${CMAKE_SOURCE_DIR}/cmake/EmbedMigrations.cmake VERBATIM)
list(APPEND FG_PLATFORM_SOURCES ${FG_MIGRATIONS_C})
