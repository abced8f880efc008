#include "lehr/space/enumerate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lehr/base/error.hpp"
#include "lehr/space/compiled.hpp"

namespace lehr {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool numeric(const Variable& v) { return v.kind == Kind::integer || v.kind == Kind::real; }

std::vector<double> grid(const Variable& v, std::size_t points) {
  std::vector<double> codes;
  for (std::size_t k = 0; k < points; ++k) {
    const double position = points == 1 ? 0.5 : static_cast<double>(k) / static_cast<double>(points - 1);
    codes.push_back(v.from_unit(position));
  }
  codes.erase(std::unique(codes.begin(), codes.end()),
              codes.end());  // positions rise, so equal codes are adjacent
  return codes;
}

}  // namespace

Enumerator::Enumerator(Space space, std::size_t resolution)
    : space_(std::move(space)),
      thinned_(space_.size()),
      codes_(space_.size(), kNaN),
      place_(space_.size(), 0) {
  const std::optional<Diagram>& diagram = space_.compiled().diagram;
  for (std::size_t i = 0; i < space_.size(); ++i) {
    const Variable& v = space_.variable(i);
    if (!numeric(v)) continue;
    if (v.low == v.high) {
      thinned_[i] = {v.low};
    } else if (resolution > 0 && (!v.discrete() || v.cardinality() > resolution)) {
      thinned_[i] = grid(v, resolution);
    } else if (!v.discrete() && (!diagram || diagram->can_be_active(i))) {
      throw OptionError(
          v.name + " is continuous, so it has no list of values; give a resolution (points a variable).");
    }
  }
}

bool Enumerator::allowed(std::size_t i) const {
  const Rules& rules = space_.compiled().rules;
  return std::none_of(rules.due[i].begin(), rules.due[i].end(),
                      [&](std::size_t f) { return rules.forbidden[f].holds(codes_); });
}

std::size_t Enumerator::values(std::size_t i) const {
  return thinned_[i].empty() ? space_.variable(i).cardinality() : thinned_[i].size();
}

double Enumerator::value(std::size_t i, std::size_t k) const {
  return thinned_[i].empty() ? space_.variable(i).code(k) : thinned_[i][k];
}

const Configuration* Enumerator::next() {
  const std::size_t n = space_.size();
  // An odometer over prefixes: `i` is the variable to set next, `advance` whether it moves on from its
  // current value.
  std::size_t i = started_ ? n : 0;
  bool back = started_;
  started_ = true;
  while (!done_) {
    if (back) {
      if (i == 0) {
        done_ = true;
        break;
      }
      --i;
      if (std::isnan(codes_[i]) || place_[i] + 1 >= values(i)) {
        codes_[i] = kNaN;
        continue;
      }
      codes_[i] = value(i, ++place_[i]);
    } else {
      place_[i] = 0;
      codes_[i] = space_.active(i, codes_) ? value(i, 0) : kNaN;
    }
    back = !allowed(i);
    ++i;
    if (!back && i == n) return &codes_;
  }
  return nullptr;
}

}  // namespace lehr
