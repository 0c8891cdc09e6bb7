# Language, warnings, and the flags of the build kinds. There is no fast-math anywhere: results are repeatable and NaN
# is told apart. Assertions stay on in every build, so NDEBUG is never defined.
include(CheckCCompilerFlag)
include(CheckPIESupported)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # POSIX functions; the code itself stays C17
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
check_pie_supported(LANGUAGES C)
set(CMAKE_C_FLAGS_RELEASE "-O3 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes)
if(FG_WERROR)
    # What the optimiser guesses from data flow differs from compiler to compiler: shown, but no error.
    add_compile_options(-Werror -Wno-error=maybe-uninitialized -Wno-error=format-truncation
        -Wno-error=stringop-overflow -Wno-error=stringop-truncation -Wno-error=array-bounds)
endif()
if(FG_SANITIZE)
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU") # the sanitizers' own branches mislead those guesses; the release build has them
        add_compile_options(-Wno-maybe-uninitialized -Wno-format-truncation -Wno-stringop-overflow -Wno-stringop-truncation)
    endif()
    add_link_options(-fsanitize=address,undefined)
endif()
if(FG_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()
if(FG_HARDEN)
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection)
    check_c_compiler_flag(-fcf-protection FG_HAS_CF_PROTECTION)
    if(FG_HAS_CF_PROTECTION)
        add_compile_options(-fcf-protection)
    endif()
    add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack,-z,defs)
endif()
if(CMAKE_C_COMPILER_ID MATCHES "Clang") # glibc offers CMPLX of C11 to gcc only
    add_compile_options("-DCMPLX(x,y)=__builtin_complex((double)(x),(double)(y))")
endif()
if(FG_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
