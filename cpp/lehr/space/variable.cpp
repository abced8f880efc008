#include "lehr/space/variable.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace lehr {
namespace {

constexpr double kLargestInteger = 0x1p53;

bool listed(const Variable& v) { return v.kind == Kind::categorical || v.kind == Kind::ordinal; }

// Steps from low to high. Bounds and step are decimals rounded to binary, so 0.3 / 0.1 must count as 3: the
// quotient is off by at most a few units in the last place of its terms.
double steps(const Variable& v) {
  const double quotient = (v.high - v.low) / v.step;
  if (v.kind == Kind::integer) return std::floor(quotient);
  const double scale = std::max({std::abs(v.low), std::abs(v.high), v.step}) / v.step;
  const double tolerance = 8 * std::numeric_limits<double>::epsilon() * (1.0 + scale);
  return std::floor(quotient + tolerance);
}

double highest(const Variable& v) {
  if (listed(v)) return static_cast<double>(v.choices.size()) - 1.0;
  if (v.step == 0.0 || (v.kind == Kind::integer && v.step == 1.0)) return v.high;
  return v.low + steps(v) * v.step;
}

double lowest(const Variable& v) { return listed(v) ? 0.0 : v.low; }

// Digits after the decimal point of the shortest decimal that reads back as x.
int decimals(double x) {
  std::array<char, 32> buffer;
  const auto written =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), x, std::chars_format::scientific);
  const std::string digits(buffer.data(), written.ptr);
  const std::size_t e = digits.find('e');
  int exponent = 0;
  std::from_chars(digits.data() + e + (digits[e + 1] == '+' ? 2 : 1), digits.data() + digits.size(),
                  exponent);
  const std::size_t point = digits.find('.');
  const int fraction = point == std::string::npos ? 0 : static_cast<int>(e - point - 1);
  return std::max(0, fraction - exponent);
}

// A multiple of a decimal step as the decimal a user expects: 0.3, not 0.30000000000000004.
double as_decimal(const Variable& v, double code) {
  const int digits = std::max(decimals(v.low), decimals(v.step));
  std::array<char, 700> buffer;
  if (digits > 300) return code;
  const auto written =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), code, std::chars_format::fixed, digits);
  double rounded = code;
  std::from_chars(buffer.data(), written.ptr, rounded);
  return rounded + 0.0;  // turns -0.0 into 0.0
}

}  // namespace

std::size_t Variable::cardinality() const {
  if (listed(*this)) return choices.size();
  if (step == 0.0) return 0;
  return static_cast<std::size_t>(steps(*this)) + 1;
}

double Variable::code(std::size_t k) const {
  const auto position = static_cast<double>(k);
  return listed(*this) ? position : low + position * step;
}

double Variable::nearest(double code) const {
  const double bottom = lowest(*this);
  const double top = highest(*this);
  if (listed(*this)) return std::clamp(std::round(code), bottom, top);
  if (code <= bottom) return bottom;
  if (code >= top) return top;
  if (step == 0.0) return code;
  return low + std::round((code - low) / step) * step;
}

bool Variable::legal(double code) const { return code == nearest(code); }  // false for NaN

double Variable::to_unit(double code) const {
  const double bottom = lowest(*this);
  const double top = highest(*this);
  if (!(top > bottom)) return 0.0;
  if (log) return (std::log(code) - std::log(bottom)) / (std::log(top) - std::log(bottom));
  return (code - bottom) / (top - bottom);
}

double Variable::from_unit(double position) const {
  const double bottom = lowest(*this);
  const double top = highest(*this);
  if (!(position > 0.0)) return bottom;
  if (position >= 1.0) return top;
  if (!log) return nearest(bottom + position * (top - bottom));
  const double log_bottom = std::log(bottom);
  return nearest(std::exp(log_bottom + position * (std::log(top) - log_bottom)));
}

std::optional<double> Variable::encode(const Value& value) const {
  if (listed(*this)) {
    for (std::size_t k = 0; k < choices.size(); ++k) {
      if (same(choices[k], value)) return static_cast<double>(k);
    }
    return std::nullopt;
  }
  if (!is_number(value)) return std::nullopt;
  const double given = number(value);
  if (!std::isfinite(given)) return std::nullopt;
  if (kind == Kind::integer && std::abs(given) > kLargestInteger) return std::nullopt;
  const double snapped = nearest(given);
  const double tolerance = kind == Kind::real ? 1e-9 * step : 0.0;
  if (std::abs(snapped - given) > tolerance) return std::nullopt;
  return snapped;
}

Value Variable::decode(double code) const {
  switch (kind) {
    case Kind::categorical:
    case Kind::ordinal:
      return choices[static_cast<std::size_t>(code)];
    case Kind::integer:
      return static_cast<std::int64_t>(code);
    case Kind::real:
      break;
  }
  return step > 0.0 ? as_decimal(*this, code) : code;
}

std::string Variable::domain() const {
  if (listed(*this)) {
    constexpr std::size_t kShown = 12;
    std::string list;
    for (std::size_t k = 0; k < std::min(choices.size(), kShown); ++k)
      list += (k ? ", " : "") + text(choices[k]);
    if (choices.size() > kShown) list += ", ... (" + std::to_string(choices.size()) + " in all)";
    return "one of [" + list + "]";
  }
  const Value bottom = decode(low);
  const Value top = decode(highest(*this));
  std::string result = kind == Kind::integer ? "an int from " : "a float from ";
  result += text(bottom) + " to " + text(top);
  if (kind == Kind::integer && step != 1.0)
    result += " in steps of " + text(Value(static_cast<std::int64_t>(step)));
  if (kind == Kind::real && step > 0.0) result += " in steps of " + text(Value(step));
  return result;
}

}  // namespace lehr
