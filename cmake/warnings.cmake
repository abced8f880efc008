# Warnings for our own targets. Contraction to FMA is off: results must not depend on the compiler's choice of it.
add_library(lehr_warnings INTERFACE)
target_compile_options(lehr_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -ffp-contract=off)
