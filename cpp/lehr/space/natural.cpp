#include "lehr/space/natural.hpp"

namespace lehr {
namespace {

constexpr std::uint64_t kBase = 1'000'000'000;

}  // namespace

Natural::Natural(std::uint64_t value) {
  for (; value > 0; value /= kBase) limbs_.push_back(static_cast<std::uint32_t>(value % kBase));
}

Natural& Natural::operator+=(const Natural& other) {
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < other.limbs_.size() || carry > 0; ++i) {
    if (i == limbs_.size()) limbs_.push_back(0);
    const std::uint64_t sum = limbs_[i] + (i < other.limbs_.size() ? other.limbs_[i] : 0U) + carry;
    limbs_[i] = static_cast<std::uint32_t>(sum % kBase);
    carry = sum / kBase;
  }
  return *this;
}

Natural operator*(const Natural& a, const Natural& b) {
  Natural product;
  if (a.zero() || b.zero()) return product;
  product.limbs_.assign(a.limbs_.size() + b.limbs_.size(), 0);
  for (std::size_t i = 0; i < a.limbs_.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < b.limbs_.size() || carry > 0; ++j) {
      const std::uint64_t term = j < b.limbs_.size() ? std::uint64_t{a.limbs_[i]} * b.limbs_[j] : 0;
      const std::uint64_t sum = product.limbs_[i + j] + term + carry;
      product.limbs_[i + j] = static_cast<std::uint32_t>(sum % kBase);
      carry = sum / kBase;
    }
  }
  while (!product.limbs_.empty() && product.limbs_.back() == 0) product.limbs_.pop_back();
  return product;
}

std::string Natural::digits() const {
  if (zero()) return "0";
  std::string result = std::to_string(limbs_.back());
  for (std::size_t i = limbs_.size() - 1; i-- > 0;) {
    const std::string limb = std::to_string(limbs_[i]);
    result.append(9 - limb.size(), '0').append(limb);
  }
  return result;
}

}  // namespace lehr
