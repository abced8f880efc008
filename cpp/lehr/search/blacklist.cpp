#include "lehr/search/blacklist.hpp"

#include <algorithm>
#include <cmath>

namespace lehr {
namespace {
constexpr std::size_t npos = static_cast<std::size_t>(-1);
}

Blacklist::Blacklist(const Space& space, const BlacklistOptions& options)
    : options_(options), position_(space.size(), npos) {
  for (std::size_t i = 0; i < space.size(); ++i) {
    if (space.variable(i).kind != Kind::categorical) continue;
    position_[i] = categorical_.size();
    categorical_.push_back(i);
    values_.emplace_back(space.variable(i).choices.size());
  }
}

void Blacklist::count_failure(Record& record) {
  if (active(record)) return;  // a trial that was already running; the value is masked as it is
  if (++record.failures < options_.threshold) return;
  record.masked_failures = record.failures;
  record.failures = 0;  // after the cool-down it starts afresh
  record.until = finished_ + options_.cool_down;
}

void Blacklist::keep_one_open(std::size_t position, std::size_t newest) {
  std::vector<Record>& records = values_[position];
  std::size_t oldest = npos;
  for (std::size_t v = 0; v < records.size(); ++v) {
    if (!active(records[v])) return;
    if (v != newest && (oldest == npos || records[v].until < records[oldest].until)) oldest = v;
  }
  records[oldest == npos ? newest : oldest].until = 0;  // a variable with one value is never masked
}

void Blacklist::observe(std::span<const double> codes, bool feasible) {
  if (!options_.enabled) return;
  ++finished_;
  for (std::size_t a = 0; a < categorical_.size(); ++a) {
    const double code = codes[categorical_[a]];
    if (std::isnan(code)) continue;
    const auto value = static_cast<std::size_t>(code);
    Record& record = values_[a][value];
    if (feasible) {
      record = Record{};
    } else {
      count_failure(record);
      if (active(record)) keep_one_open(a, value);
    }
    if (!options_.pairs) continue;
    for (std::size_t b = a + 1; b < categorical_.size(); ++b) {
      const double other = codes[categorical_[b]];
      if (std::isnan(other)) continue;
      const Pair key{categorical_[a], value, categorical_[b], static_cast<std::size_t>(other)};
      if (feasible) {
        pairs_.erase(key);
      } else {
        count_failure(pairs_[key]);
      }
    }
  }
}

bool Blacklist::masked(std::size_t variable, double code) const {
  const std::size_t position = position_[variable];
  if (position == npos || std::isnan(code)) return false;
  return active(values_[position][static_cast<std::size_t>(code)]);
}

bool Blacklist::pair_masked(std::span<const double> codes) const {
  for (const auto& [key, record] : pairs_) {
    if (active(record) && codes[key[0]] == static_cast<double>(key[1]) &&
        codes[key[2]] == static_cast<double>(key[3])) {
      return true;
    }
  }
  return false;
}

bool Blacklist::allows(std::span<const double> codes) const {
  for (const std::size_t variable : categorical_) {
    if (masked(variable, codes[variable])) return false;
  }
  return !pair_masked(codes);
}

std::vector<Blacklist::Entry> Blacklist::entries() const {
  std::vector<Entry> entries;
  for (std::size_t a = 0; a < categorical_.size(); ++a) {
    for (std::size_t v = 0; v < values_[a].size(); ++v) {
      const Record& record = values_[a][v];
      if (active(record))
        entries.push_back({categorical_[a], v, false, 0, 0, record.masked_failures, record.until});
    }
  }
  for (const auto& [key, record] : pairs_) {
    if (!active(record)) continue;
    entries.push_back({key[0], key[1], true, key[2], key[3], record.masked_failures, record.until});
  }
  return entries;
}

}  // namespace lehr
