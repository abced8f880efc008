#include "lehr/problems/table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "lehr/base/error.hpp"
#include "lehr/problems/keyed.hpp"
#include "lehr/problems/survey.hpp"
#include "lehr/space/compiled.hpp"

namespace lehr {
namespace {

bool equal(std::span<const double> a, std::span<const double> b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

// Of the values that were measured; the lower of the middle two where their number is even, so that it is
// a value that occurred.
double median(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) return missing;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Recording settle(const std::vector<Recording>& recordings) {
  if (recordings.size() == 1) return recordings.front();
  std::array<std::size_t, 5> votes{};
  for (const Recording& recording : recordings) ++votes[static_cast<std::size_t>(recording.result.outcome)];
  // From the last, so that a tie goes to a failure.
  const auto winner = std::max_element(votes.rbegin(), votes.rend());
  const auto outcome = static_cast<Outcome>(votes.rend() - winner - 1);
  std::vector<const Recording*> agreed;
  for (const Recording& recording : recordings) {
    if (recording.result.outcome == outcome) agreed.push_back(&recording);
  }
  const auto middle = [&](auto&& field) {
    std::vector<double> values;
    for (const Recording* recording : agreed) values.push_back(field(*recording));
    return median(std::move(values));
  };
  Recording settled = *agreed.front();
  settled.result.objective = middle([](const Recording& r) { return r.result.objective; });
  settled.seconds = middle([](const Recording& r) { return r.seconds; });
  for (std::size_t i = 0; i < settled.result.metrics.size(); ++i)
    settled.result.metrics[i] = middle([i](const Recording& r) { return r.result.metrics[i]; });
  return settled;
}

Evaluation evaluation_of(const Recording& recording) {
  return {recording.result, recording.seconds, recording.cause};
}

void check(const std::string& name, const Recording& recording, std::size_t metrics) {
  const Result& result = recording.result;
  if (result.metrics.size() != metrics) {
    throw OptionError(name + " has " + std::to_string(metrics) + " constraints, but a recording has " +
                      std::to_string(result.metrics.size()) + " metrics");
  }
  const bool whole =
      std::none_of(result.metrics.begin(), result.metrics.end(), [](double m) { return std::isnan(m); });
  if (result.outcome == Outcome::ok && !(std::isfinite(result.objective) && whole))
    throw OptionError(name + ": a recording of outcome ok needs a finite objective and every metric");
  if (!(std::isfinite(recording.seconds) && recording.seconds >= 0.0))
    throw OptionError(name + ": the seconds of a recording must be finite and not negative");
}

// Number of configurations, in words where there are more than `enough` or no number at all.
std::string count_of(const Space& space, std::size_t enough) {
  if (space.compiled().diagram) return space.count().value_or("uncountably many");
  std::size_t seen = 0;
  space.enumerate(0, [&](const Configuration&) { return ++seen <= enough; });
  return seen > enough ? "more" : std::to_string(seen);
}

}  // namespace

TableProblem::TableProblem(TableForm form, std::shared_ptr<const Space> space, std::vector<Row> rows)
    : Problem(std::move(form.name), std::move(space), std::move(form.objective), form.direction,
              std::move(form.constraints), std::move(form.family)),
      description_(std::move(form.description)),
      rows_(std::move(rows)),
      slots_(std::bit_ceil(2 * rows_.size() + 2), 0) {
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const Row& row = rows_[r];
    if (!this->space()->legal(row.codes))
      throw OptionError(name() + ": a recorded configuration is not in the space");
    if (row.recordings.empty()) throw OptionError(name() + ": a configuration has no recording");
    for (const Recording& recording : row.recordings) check(name(), recording, constraints().size());
    std::size_t slot = key_of(row.codes) & (slots_.size() - 1);
    for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
      if (equal(rows_[slots_[slot] - 1].codes, row.codes))
        throw OptionError(name() + ": a configuration is listed twice");
    }
    slots_[slot] = static_cast<std::uint32_t>(r + 1);
    truths_.push_back(settle(row.recordings));
  }
  const std::string count = count_of(*this->space(), rows_.size());
  if (count != std::to_string(rows_.size())) {
    throw OptionError(name() + " records " + std::to_string(rows_.size()) + " of the " + count +
                      " configurations of its space");
  }
}

std::size_t TableProblem::find(std::span<const double> codes) const noexcept {
  std::size_t slot = key_of(codes) & (slots_.size() - 1);
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const std::size_t r = slots_[slot] - 1;
    if (equal(rows_[r].codes, codes)) return r;
  }
  return rows_.size();
}

Evaluation TableProblem::evaluate(std::span<const double> codes, const Draw& draw) const {
  const std::size_t r = find(codes);
  if (r == rows_.size()) throw ConfigurationError({name() + " has no such configuration."});
  const std::vector<Recording>& recordings = rows_[r].recordings;
  std::uint64_t turn = 0;
  if (recordings.size() > 1)
    turn = (noise_of(codes, {draw.seed, 0}).below(recordings.size()) + draw.repeat % recordings.size()) %
           recordings.size();
  return evaluation_of(recordings[turn]);
}

Evaluation TableProblem::truth(std::span<const double> codes) const {
  const std::size_t r = find(codes);
  if (r == rows_.size()) throw ConfigurationError({name() + " has no such configuration."});
  return evaluation_of(truths_[r]);
}

Optimum TableProblem::optimum() const { return best_of_all(*this); }

}  // namespace lehr
