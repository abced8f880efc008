#include "lehr/problems/tuning_variables.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "lehr/problems/build.hpp"

namespace lehr {
namespace {

// How the values of a parameter are usually listed.
enum class Habit { powers, multiples, counting, divisors, halves };

struct Role {
  const char* name;
  std::int64_t least;           // of powers and halves, and the factor of multiples
  std::size_t most;             // values
  std::array<Habit, 3> habits;  // drawn from
};

constexpr std::array<Role, 10> roles{{
    {"block_x", 16, 16, {Habit::powers, Habit::multiples, Habit::halves}},
    {"tile_x", 1, 12, {Habit::powers, Habit::counting, Habit::divisors}},
    {"block_y", 1, 12, {Habit::powers, Habit::counting, Habit::divisors}},
    {"tile_y", 1, 12, {Habit::powers, Habit::counting, Habit::divisors}},
    {"tile_k", 4, 12, {Habit::powers, Habit::multiples, Habit::halves}},
    {"vector", 1, 4, {Habit::powers, Habit::powers, Habit::counting}},
    {"unroll", 1, 10, {Habit::powers, Habit::counting, Habit::divisors}},
    {"stages", 1, 6, {Habit::counting, Habit::counting, Habit::counting}},
    {"block_z", 1, 8, {Habit::powers, Habit::counting, Habit::powers}},
    {"chunk", 32, 16, {Habit::powers, Habit::multiples, Habit::halves}},
}};
constexpr std::size_t kAlways = 2;  // the first roles

constexpr std::array<const char*, 8> flag_names{"use_shared",    "use_padding",      "read_only",
                                                "double_buffer", "transposed",       "fused",
                                                "swizzle",       "keep_in_registers"};
constexpr double kBoolean = 0.3;  // two-valued parameters told as False and True, the others as 0 and 1

// Sizes of problems whose divisors are listed.
constexpr std::array<std::int64_t, 6> wholes{60, 96, 120, 144, 180, 240};

std::vector<std::int64_t> listed(Rng& rng, const Role& role, std::size_t size) {
  const Habit habit = role.habits[rng.below(role.habits.size())];
  const std::int64_t whole = wholes[rng.below(wholes.size())];
  const std::size_t window = rng.below(3);
  std::vector<std::int64_t> values;
  const auto count = static_cast<std::int64_t>(size);
  switch (habit) {
    case Habit::powers:
      for (std::int64_t k = 0; k < std::min<std::int64_t>(count, 8); ++k) values.push_back(role.least << k);
      break;
    case Habit::multiples:
      for (std::int64_t k = 1; k <= count; ++k) values.push_back(role.least * k);
      break;
    case Habit::counting:
      for (std::int64_t k = 1; k <= count; ++k) values.push_back(k);
      break;
    case Habit::divisors:
      for (std::int64_t k = 1; k <= whole; ++k) {
        if (whole % k == 0) values.push_back(k);
      }
      if (values.size() > size + window)
        values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(window));
      if (values.size() > size) values.resize(size);
      break;
    case Habit::halves:  // 16, 24, 32, 48, 64, ...
      for (std::int64_t power = role.least; values.size() < size; power *= 2) {
        values.push_back(power);
        if (values.size() < size) values.push_back(power / 2 * 3);
      }
      break;
  }
  return values;
}

}  // namespace

TuningVariables tuning_variables(Rng& rng, std::size_t n, double digits) {
  const double part = rng.uniform(0.45, 0.9);
  const std::size_t least = std::max<std::size_t>(3, n - std::min(n, flag_names.size()));
  const std::size_t numeric = std::clamp(static_cast<std::size_t>(std::lround(part * static_cast<double>(n))),
                                         least, std::min(n, roles.size()));
  // A choice of the other roles, in their order.
  std::array<bool, roles.size()> chosen{};
  std::fill_n(chosen.begin(), kAlways, true);
  for (std::size_t k = kAlways; k < numeric;) {
    bool& one = chosen[kAlways + rng.below(roles.size() - kAlways)];
    if (!std::exchange(one, true)) ++k;
  }
  TuningVariables result;
  double rest = digits - static_cast<double>(n - numeric) * std::log10(2.0);  // what the lists should bring
  for (std::size_t r = 0; r < roles.size(); ++r) {
    if (!chosen[r]) continue;
    const double share = rest / static_cast<double>(numeric - result.numeric);
    const double size = std::round(std::pow(10.0, share) * std::exp(rng.uniform(-0.4, 0.4)));
    std::vector<std::int64_t> values = listed(
        rng, roles[r], static_cast<std::size_t>(std::clamp(size, 2.0, static_cast<double>(roles[r].most))));
    rest -= std::log10(static_cast<double>(values.size()));
    result.variables.push_back(build::ordinal(roles[r].name, std::move(values)));
    ++result.numeric;
  }
  const std::size_t first = rng.below(flag_names.size());
  for (std::size_t k = numeric; k < n; ++k) {
    const char* name = flag_names[(first + k - numeric) % flag_names.size()];
    result.variables.push_back(rng.uniform() < kBoolean ? build::flag(name) : build::ordinal(name, {0, 1}));
  }
  return result;
}

}  // namespace lehr
