// A method in words: `method[:preset][/option=value ...]`, as in `tpe`, `tba-tpe:paper` or
// `tba-tpe:paper/blacklist=0/snap_back=0`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "lehr/problems/problem.hpp"
#include "lehr/search/options.hpp"

namespace lehr {

struct MethodSpec {
  Method method = Method::tba_tpe;
  Preset preset = Preset::standard;
  std::map<std::string, double> overrides;
  std::optional<Acquisition> acquisition;
  std::optional<bool> allow_repeats;

  // The canonical spelling: no preset when it is the default, options by name. Equal settings, equal text.
  std::string text() const;
  // What a search over the problem is made with.
  Options options(const Problem& problem, std::size_t budget, std::uint64_t seed) const;
};

// Besides the options of option_table: acquisition (ratio or c-tpe) and allow_repeats. Throws OptionError.
MethodSpec parse_method(const std::string& text);

}  // namespace lehr
