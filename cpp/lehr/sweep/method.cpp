#include "lehr/sweep/method.hpp"

#include <array>
#include <charconv>

#include "lehr/base/error.hpp"

namespace lehr {
namespace {

std::string shortest(double value) {
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return {digits.data(), end};
}

double number_from(const std::string& name, const std::string& value) {
  if (value == "true") return 1.0;
  if (value == "false") return 0.0;
  double parsed = 0.0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (error != std::errc{} || end != value.data() + value.size()) {
    throw OptionError("option '" + name + "' is '" + value + "'; give a number, true or false");
  }
  return parsed;
}

void set(MethodSpec& spec, const std::string& name, const std::string& value) {
  if (name == "acquisition") {
    spec.acquisition = acquisition_from(value);
  } else if (name == "allow_repeats") {
    const double flag = number_from(name, value);
    if (flag != 0.0 && flag != 1.0) throw OptionError("option 'allow_repeats' must be true or false");
    spec.allow_repeats = flag != 0.0;
  } else {
    spec.overrides[name] = number_from(name, value);
  }
}

MethodSpec parse(const std::string& text) {
  MethodSpec spec;
  const std::size_t slash = text.find('/');
  const std::string head = text.substr(0, slash);
  const std::size_t colon = head.find(':');
  spec.method = method_from(head.substr(0, colon));
  if (colon != std::string::npos) spec.preset = preset_from(head.substr(colon + 1));
  std::map<std::string, bool> given;
  for (std::size_t begin = slash; begin != std::string::npos;) {
    const std::size_t end = text.find('/', begin + 1);
    const std::string option = text.substr(begin + 1, end == std::string::npos ? end : end - begin - 1);
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw OptionError("'" + option + "' is not of the form option=value");
    }
    const std::string name = option.substr(0, equals);
    if (!given.emplace(name, true).second) throw OptionError("option '" + name + "' is given twice");
    set(spec, name, option.substr(equals + 1));
    begin = end;
  }
  Options options = preset_options(spec.method, spec.preset);
  apply_overrides(options, spec.overrides);
  return spec;
}

}  // namespace

std::string MethodSpec::text() const {
  std::map<std::string, std::string> settings;
  for (const auto& [name, value] : overrides) settings[name] = shortest(value);
  if (acquisition) settings["acquisition"] = lehr::text(*acquisition);
  if (allow_repeats) settings["allow_repeats"] = *allow_repeats ? "1" : "0";
  std::string words = lehr::text(method);
  if (preset == Preset::paper) words += ":paper";
  for (const auto& [name, value] : settings) words.append("/").append(name).append("=").append(value);
  return words;
}

Options MethodSpec::options(const Problem& problem, std::size_t budget, std::uint64_t seed) const {
  Options options = preset_options(method, preset);
  options.direction = problem.direction();
  options.constraints = problem.constraints();
  options.budget = budget;
  options.seed = seed;
  if (allow_repeats) options.allow_repeats = *allow_repeats;
  apply_overrides(options, overrides);
  if (acquisition) options.tpe.acquisition = *acquisition;
  return options;
}

MethodSpec parse_method(const std::string& text) {
  try {
    return parse(text);
  } catch (const OptionError& error) {
    throw OptionError("method '" + text + "': " + error.what() +
                      "; a method is method[:preset][/option=value ...]");
  }
}

}  // namespace lehr
