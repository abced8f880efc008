#include "lehr/search/guided/encoding.hpp"

#include <cmath>

namespace lehr::guided {

Encoding::Encoding(const Space& space) : space_(&space) {
  for (std::size_t i = 0; i < space.size(); ++i) {
    const Variable& variable = space.variable(i);
    const bool single = variable.discrete() ? variable.cardinality() == 1 : variable.low == variable.high;
    if (single) continue;
    const bool categorical = variable.kind == Kind::categorical;
    features_.push_back({i, categorical ? variable.choices.size() : 0,
                         categorical ? 0 : variable.cardinality(), variable.log});
  }
}

void Encoding::append(std::span<const double> codes, std::vector<double>& rows) const {
  for (const Feature& feature : features_) {
    const double code = codes[feature.variable];
    const bool plain = feature.categorical() || std::isnan(code);
    rows.push_back(plain ? code : space_->variable(feature.variable).to_unit(code));
  }
}

}  // namespace lehr::guided
