#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "lehr/space/check.hpp"

namespace lehr {
namespace {

constexpr double kLargestInteger = 0x1p53;
constexpr std::size_t kMostChoices = 1'000'000;

std::string shown(const Variable& v, double bound) {
  if (v.kind == Kind::integer && bound == std::floor(bound) && std::abs(bound) <= kLargestInteger) {
    return text(Value(static_cast<std::int64_t>(bound)));
  }
  return text(Value(bound));
}

std::vector<std::string> choice_mistakes(const Variable& v) {
  const std::string noun = v.kind == Kind::ordinal ? "value" : "choice";
  std::vector<std::string> mistakes;
  if (v.choices.empty()) mistakes.push_back(v.name + ": it has no " + noun + "s; give at least one.");
  if (v.choices.size() > kMostChoices) {
    mistakes.push_back(v.name + ": it has " + std::to_string(v.choices.size()) + " " + noun +
                       "s, and at most " + std::to_string(kMostChoices) +
                       " are allowed; use an Int or a Float for a range of numbers.");
  }
  std::unordered_map<std::string, std::size_t>
      seen;  // by text with type: repr tells 1, 1.0, True and '1' apart
  for (const Value& choice : v.choices) {
    const double* real = std::get_if<double>(&choice);
    if (real && !std::isfinite(*real)) {
      mistakes.push_back(v.name + ": " + noun + " " + text(choice) +
                         " is not a finite number; use a finite one, a str or None instead.");
      continue;
    }
    const std::string key = text(real && *real == 0.0 ? Value(0.0) : choice);  // -0.0 equals 0.0
    if (++seen[key] == 2)
      mistakes.push_back(v.name + ": " + noun + " " + key + " is listed twice; list it once.");
  }
  return mistakes;
}

}  // namespace

std::vector<std::string> domain_mistakes(const Variable& v) {
  if (v.kind == Kind::categorical || v.kind == Kind::ordinal) return choice_mistakes(v);
  std::vector<std::string> mistakes;
  const auto add = [&](const std::string& sentence) { mistakes.push_back(v.name + ": " + sentence); };
  const std::string low = shown(v, v.low);
  const std::string high = shown(v, v.high);
  const bool integer = v.kind == Kind::integer;

  if (!std::isfinite(v.low) || !std::isfinite(v.high)) {
    add("its bounds must be finite numbers, but they are " + low + " and " + high + ".");
  } else if (integer && (v.low != std::floor(v.low) || v.high != std::floor(v.high))) {
    add("its bounds must be whole numbers, but they are " + low + " and " + high +
        "; use a Float for fractions.");
  } else if (integer && std::max(std::abs(v.low), std::abs(v.high)) > kLargestInteger) {
    add("its bounds must lie within -2**53 and 2**53, but they are " + low + " and " + high + ".");
  } else if (v.low > v.high) {
    add("its range is empty, since low = " + low + " is above high = " + high + "; swap or correct them.");
  } else if (!std::isfinite(v.high - v.low)) {
    add("its range from " + low + " to " + high +
        " is too wide for floating point; narrow it or use log=True.");
  }
  if (v.log && !(v.low > 0.0)) {
    add("log=True needs low above 0, but low = " + low + "; raise low or drop log=True.");
  }

  const std::string step = shown(v, v.step);
  const bool stepped = integer ? v.step != 1.0 : v.step != 0.0;
  if (stepped && v.log) {
    add("log=True and step = " + step + " exclude each other; drop one of them.");
  }
  if (stepped && !(std::isfinite(v.step) && v.step > 0.0)) {
    add("its step must be a finite number above 0, but it is " + step + ".");
  } else if (integer && (v.step != std::floor(v.step) || v.step > kLargestInteger)) {
    add("its step must be a whole number up to 2**53, but it is " + step + "; use a Float for fractions.");
  } else if (!integer && stepped && mistakes.empty()) {
    const double largest = std::max(std::abs(v.low), std::abs(v.high));
    const double finest = 4.0 * (std::nextafter(largest, std::numeric_limits<double>::infinity()) - largest);
    if (v.step < finest) {
      add("its step = " + step + " is too fine for floating-point numbers as large as " +
          text(Value(largest)) + "; use at least " + text(Value(finest)) + ".");
    }
  }
  return mistakes;
}

}  // namespace lehr
