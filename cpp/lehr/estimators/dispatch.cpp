#include <cstdlib>
#include <string>
#include <string_view>

#include "lehr/base/error.hpp"
#include "lehr/estimators/loops.hpp"

namespace lehr {

extern const Loops loops_baseline;
#ifdef LEHR_X86
extern const Loops loops_avx2;
extern const Loops loops_avx512;
#endif

const Loops* loops_named(const char* name) {
  const std::string_view wanted(name);
  if (wanted == "baseline") return &loops_baseline;
#ifdef LEHR_X86
  if (wanted == "avx2" && __builtin_cpu_supports("avx2")) return &loops_avx2;
  if (wanted == "avx512" && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return &loops_avx512;
  }
#endif
  return nullptr;
}

const Loops& loops() {
  static const Loops& chosen = []() -> const Loops& {
    const char* const forced = std::getenv("LEHR_FORCE_ISA");
    if (forced != nullptr && *forced != '\0') {
      if (const Loops* const table = loops_named(forced)) return *table;
      std::string usable = "baseline";
      for (const char* const name : {"avx2", "avx512"}) {
        if (loops_named(name) != nullptr) usable += std::string(", ") + name;
      }
      throw OptionError(std::string("LEHR_FORCE_ISA is '") + forced +
                        "', which is unknown or not supported by this processor; use one of " + usable +
                        ", or unset it");
    }
    for (const char* const name : {"avx512", "avx2"}) {
      if (const Loops* const table = loops_named(name)) return *table;
    }
    return loops_baseline;
  }();
  return chosen;
}

}  // namespace lehr
