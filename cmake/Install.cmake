# `make install`: both libraries, the public headers under include/flexgrid/, flexgrid.pc, the program, its man page.
# Headers not listed here are for use inside the library.
set(FG_PUBLIC_HEADERS
    base/csv.h base/date.h base/error.h base/instant.h base/json.h base/log.h base/memory.h base/names.h base/random.h
    base/readings.h base/text.h base/timezone.h base/units.h
    grid/check.h grid/distribution.h grid/flow.h grid/matpower.h grid/network.h grid/network_json.h grid/network_read.h grid/opf.h
    grid/opf_network.h grid/pandapower.h grid/pgm.h grid/powerflow.h grid/topology.h
    solve/ldl.h solve/lp.h solve/nlp.h
    market/auction.h market/baseline.h market/book.h market/delivery.h market/document.h
    market/order.h market/refusal.h market/settlement.h
    store/backup.h store/document.h store/lease.h store/migrate.h store/series.h store/store.h
    toolkit/dfmct/clear.h toolkit/dfmct/grid_state.h toolkit/dfmct/match_grid.h
    toolkit/dfmct/match_network.h toolkit/dfmct/market_file.h)

foreach(header ${FG_PUBLIC_HEADERS})
    get_filename_component(folder ${header} DIRECTORY)
    install(FILES src/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/flexgrid/${folder})
endforeach()
install(TARGETS flexgrid flexgrid_shared flexgrid_cli flexgridd)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/build/web/ DESTINATION ${CMAKE_INSTALL_DATADIR}/flexgrid/web OPTIONAL)
install(FILES docs/man/flexgrid.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/flexgridd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
configure_file(tools/flexgridd.service.in flexgridd.service @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/flexgridd.service DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)

# GNUInstallDirs allows absolute folders; pkg-config files need them either way.
foreach(kind INCLUDEDIR LIBDIR)
    if(IS_ABSOLUTE ${CMAKE_INSTALL_${kind}})
        set(FG_PC_${kind} ${CMAKE_INSTALL_${kind}})
    else()
        set(FG_PC_${kind} "\${prefix}/${CMAKE_INSTALL_${kind}}")
    endif()
endforeach()
foreach(library ${FG_SUITESPARSE} ${FG_LP_LIBRARIES} m)
    if(IS_ABSOLUTE ${library})
        get_filename_component(library ${library} NAME_WE)
        string(REGEX REPLACE "^lib" "" library ${library})
    endif()
    list(APPEND FG_PC_LIBS_PRIVATE -l${library})
endforeach()
list(JOIN FG_PC_LIBS_PRIVATE " " FG_PC_LIBS_PRIVATE)
configure_file(cmake/flexgrid.pc.in flexgrid.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/flexgrid.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
