#include "lehr/search/guided/failure_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace lehr::guided {
namespace {

constexpr std::size_t finest = 16;  // thresholds tried on a continuous variable
constexpr std::size_t most_pairs =
    400;  // pairs of variables; a configuration contains one value pair of each
constexpr std::size_t most_triples = 200;  // threes of variables
constexpr std::size_t most_triple_values = 4000;
constexpr std::size_t most_crossed = 64;    // categorical times numeric variables
constexpr std::size_t most_failures = 200;  // the latest ones; more say little that is new
constexpr std::size_t beam = 32;            // hypotheses kept
constexpr double negligible = 9.0;          // log weights so far below the best are dropped
constexpr std::uint32_t none = static_cast<std::uint32_t>(-1);

}  // namespace

FailureModel::FailureModel(std::vector<Feature> features, const FailureModelOptions& options)
    : features_(std::move(features)), options_(options), accident_(options.accident) {
  for (std::size_t j = 0; j < features_.size(); ++j) {
    if (features_[j].categorical()) {
      categorical_.push_back(j);
      first_value_.push_back(values_);
      values_ += features_[j].choices;
    } else if (options_.thresholds) {
      numeric_.push_back(j);
      const std::size_t steps = features_[j].values;
      bins_.push_back(steps == 0 || steps > finest + 1 ? finest : steps - 1);
    }
  }
  const std::size_t c = categorical_.size();
  pairs_ = options_.pairs && c * (c - (c > 0)) / 2 <= most_pairs;
  crossed_ = options_.value_threshold_prior > 0.0 && c * numeric_.size() <= most_crossed;
  value_contexts_ = values_;
  contexts_ = 1 + values_;
  const auto choices = [this](std::size_t at) { return features_[categorical_[at]].choices; };
  if (pairs_) {
    pair_start_.assign(c * c, 0);
    for (std::size_t a = 0; a < c; ++a) {
      for (std::size_t b = a + 1; b < c; ++b) {
        pair_start_[a * c + b] = contexts_;
        contexts_ += choices(a) * choices(b);
      }
    }
  }
  const std::size_t pairs_end = contexts_;
  if (options_.triples && pairs_ && c >= 3 && c * (c - 1) * (c - 2) / 6 <= most_triples) {
    triple_start_.assign(c * c * c, 0);
    std::size_t start = contexts_;
    for (std::size_t a = 0; a < c; ++a) {
      for (std::size_t b = a + 1; b < c; ++b) {
        for (std::size_t e = b + 1; e < c; ++e) {
          triple_start_[(a * c + b) * c + e] = start;
          start += choices(a) * choices(b) * choices(e);
        }
      }
    }
    triples_ = start - contexts_ <= most_triple_values;
    if (triples_) contexts_ = start;
  }
  // Families: every context as such (but the empty one, which is the accident), then stretches.
  std::size_t offset = 0;
  const auto add = [&](std::size_t states, double prior) {
    families_.push_back({offset, states});
    offset += states;
    const double each = prior / static_cast<double>(std::max<std::size_t>(states, 1));
    for (std::size_t s = 0; s < states; ++s) prior_.push_back(std::log(each / (1.0 - prior)));
  };
  add(0, 0.0);
  for (std::size_t v = 0; v < values_; ++v) add(1, options_.value_prior);
  for (std::size_t k = 1 + values_; k < pairs_end; ++k) add(1, options_.pair_prior);
  for (std::size_t k = pairs_end; k < contexts_; ++k) add(1, options_.triple_prior);
  const std::size_t stretched = crossed_ ? 1 + values_ : 1;
  for (std::size_t context = 0; context < stretched; ++context) {
    for (std::size_t k = 0; k < numeric_.size(); ++k) {
      const double prior = context == 0 ? options_.threshold_prior : options_.value_threshold_prior;
      add(bins_[k], prior);  // above
      add(bins_[k], prior);  // below
    }
  }
  clear();
}

void FailureModel::clear() {
  rows_.clear();
  weights_.clear();
  ran_.clear();
  settled_ = 0;
  ran_evidence_.assign(prior_.size(), 0.0);
  cumulative_.assign(prior_.size() + families_.size(), 0.0);
  edge_of_.assign(families_.size(), none);
  hypotheses_.clear();
  conclusions_.clear();
  concluded_ = 0;
  accident_ = options_.accident;
}

// How many thresholds lie below a position: threshold t of T lies at (t + 1/2) / T.
std::size_t FailureModel::bin(std::size_t numeric, double position) const {
  const auto count = static_cast<double>(bins_[numeric]);
  return static_cast<std::size_t>(std::clamp(std::floor(position * count + 0.5), 0.0, count));
}

// Every family that a row belongs to, with the states that cover it.
template <class Visit>
void FailureModel::visit_families(std::span<const double> row, Visit visit) const {
  const std::size_t c = categorical_.size();
  for (std::size_t a = 0; a < c; ++a) {
    const double value = row[categorical_[a]];
    if (std::isnan(value)) continue;
    const auto choice = static_cast<std::size_t>(value);
    visit(1 + first_value_[a] + choice, 0, 1);
    if (!pairs_) continue;
    for (std::size_t b = a + 1; b < c; ++b) {
      const double other = row[categorical_[b]];
      if (std::isnan(other)) continue;
      const std::size_t pair = choice * features_[categorical_[b]].choices + static_cast<std::size_t>(other);
      visit(pair_start_[a * c + b] + pair, 0, 1);
      if (!triples_) continue;
      for (std::size_t e = b + 1; e < c; ++e) {
        const double third = row[categorical_[e]];
        if (std::isnan(third)) continue;
        visit(triple_start_[(a * c + b) * c + e] + pair * features_[categorical_[e]].choices +
                  static_cast<std::size_t>(third),
              0, 1);
      }
    }
  }
  for (std::size_t k = 0; k < numeric_.size(); ++k) {
    const double position = row[numeric_[k]];
    if (std::isnan(position)) continue;
    const std::size_t below = bin(k, position);
    const auto stretch = [&](std::size_t context) {
      const std::size_t family = contexts_ + 2 * (context * numeric_.size() + k);
      if (below > 0) visit(family, 0, below);
      if (below < bins_[k]) visit(family + 1, below, bins_[k]);
    };
    stretch(0);
    if (!crossed_) continue;
    for (std::size_t a = 0; a < c; ++a) {
      const double value = row[categorical_[a]];
      if (!std::isnan(value)) stretch(1 + first_value_[a] + static_cast<std::size_t>(value));
    }
  }
}

void FailureModel::edges_of(std::span<const double> row, std::vector<Edge>& edges) const {
  visit_families(row, [&](std::size_t family, std::size_t first, std::size_t last) {
    edges.push_back({static_cast<std::uint32_t>(family), static_cast<std::uint32_t>(first),
                     static_cast<std::uint32_t>(last)});
  });
}

void FailureModel::observe(std::span<const double> row, bool ran, double weight) {
  rows_.insert(rows_.end(), row.begin(), row.end());
  weights_.push_back(weight);
  ran_.push_back(ran ? 1 : 0);
  if (!ran) return;
  // P(ran | cause) / P(ran | no cause)
  const double factor = weight * std::log(1.0 - options_.strength);
  visit_families(row, [&](std::size_t family, std::size_t first, std::size_t last) {
    double* const evidence = ran_evidence_.data() + families_[family].offset;
    for (std::size_t s = first; s < last; ++s) evidence[s] += factor;
  });
}

bool FailureModel::Hypothesis::same_terms(const Hypothesis& other) const {
  if (count != other.count || accidents != other.accidents) return false;
  for (std::size_t t = 0; t < count; ++t) {
    const bool found = std::any_of(
        other.terms.begin(), other.terms.begin() + static_cast<std::ptrdiff_t>(count), [&](const Edge& term) {
          return term.family == terms[t].family && term.first == terms[t].first && term.last == terms[t].last;
        });
    if (!found) return false;
  }
  return true;
}

double FailureModel::mass(std::size_t family, std::uint32_t first, std::uint32_t last) const {
  const double* const sums = cumulative_.data() + families_[family].offset + family;
  return sums[last] - sums[first];
}

double FailureModel::free_belief(const Edge& edge) const {
  const auto states = static_cast<std::uint32_t>(families_[edge.family].states);
  return mass(edge.family, edge.first, edge.last) / (1.0 + mass(edge.family, 0, states));
}

// How likely a cause that is in one of the term's states covers what the edge belongs to.
double FailureModel::share(const Edge& term, const Edge& edge) const {
  const std::uint32_t first = std::max(term.first, edge.first);
  const std::uint32_t last = std::min(term.last, edge.last);
  if (first >= last) return 0.0;
  if (first == term.first && last == term.last) return 1.0;
  return mass(term.family, first, last) / std::max(mass(term.family, term.first, term.last), 1e-300);
}

// A hypothesis extended, unless it is too improbable beside what came up already; null then.
FailureModel::Hypothesis* FailureModel::extended(const Hypothesis& from, double log_factor) {
  const double log_weight = from.log_weight + log_factor;
  if (!(log_weight >= best_extended_ - negligible)) return nullptr;
  best_extended_ = std::max(best_extended_, log_weight);
  extended_.push_back(from);
  extended_.back().log_weight = log_weight;
  return &extended_.back();
}

// What a hypothesis becomes when it has to explain one more failure.
void FailureModel::extend(const Hypothesis& from, const std::vector<Edge>& edges, double weight) {
  const double strength = options_.strength;
  for (std::size_t t = 0; t < from.count; ++t) {
    const std::uint32_t at = edge_of_[from.terms[t].family];
    if (at != none && share(from.terms[t], edges[at]) == 1.0) {
      extended(from, weight * std::log(strength));
      return;
    }
  }
  // An accident, or a prior observation that does not hold here.
  const double unexplained = 1.0 - weight * (1.0 - accident_);
  if (Hypothesis* const left = extended(from, std::log(unexplained)))
    left->accidents += weight * accident_ / unexplained;
  for (std::size_t t = 0; t < from.count; ++t) {
    const Edge& term = from.terms[t];
    const std::uint32_t at = edge_of_[term.family];
    if (at == none) continue;
    const double part = share(term, edges[at]);
    if (!(part > 0.0)) continue;
    Hypothesis* const narrowed = extended(from, std::log(weight * strength * part));
    if (narrowed == nullptr) continue;
    narrowed->terms[t].first = std::max(term.first, edges[at].first);
    narrowed->terms[t].last = std::min(term.last, edges[at].last);
  }
  if (from.count == Hypothesis::most) return;
  for (std::size_t e = 0; e < edges.size(); ++e) {
    if (!(log_causes_[e] >= best_extended_ - negligible - from.log_weight)) continue;
    const bool has =
        std::any_of(from.terms.begin(), from.terms.begin() + static_cast<std::ptrdiff_t>(from.count),
                    [&](const Edge& term) { return term.family == edges[e].family; });
    if (has) continue;
    Hypothesis* const added = extended(from, log_causes_[e]);
    if (added != nullptr) added->terms[added->count++] = edges[e];
  }
}

// The product of what extend() multiplied by, but for trials that failed: it telescopes.
double FailureModel::prior_of(const Hypothesis& hypothesis) const {
  double total = 0.0;
  for (std::size_t t = 0; t < hypothesis.count; ++t)
    total += std::log(std::max(free_belief(hypothesis.terms[t]), 1e-300));
  return total;
}

void FailureModel::explain_failures(const std::vector<std::size_t>& failures) {
  constexpr double minus_infinity = -std::numeric_limits<double>::infinity();
  const std::size_t d = features_.size();
  hypotheses_.assign(1, {});
  if (!conclusions_.empty()) hypotheses_ = conclusions_;
  for (Hypothesis& hypothesis : hypotheses_) hypothesis.log_weight += prior_of(hypothesis);
  for (const std::size_t i : failures) {
    edges_.clear();
    edges_of({rows_.data() + i * d, d}, edges_);
    log_causes_.clear();
    for (std::uint32_t e = 0; e < edges_.size(); ++e) {
      edge_of_[edges_[e].family] = e;
      const double belief = free_belief(edges_[e]);
      log_causes_.push_back(belief > 1e-6 ? std::log(weights_[i] * options_.strength * belief)
                                          : minus_infinity);
    }
    extended_.clear();
    best_extended_ = minus_infinity;
    for (const Hypothesis& hypothesis : hypotheses_) extend(hypothesis, edges_, weights_[i]);
    for (const Edge& edge : edges_) edge_of_[edge.family] = none;
    // Best first; ties in the order they came up.
    order_.resize(extended_.size());
    for (std::uint32_t k = 0; k < order_.size(); ++k) order_[k] = k;
    std::sort(order_.begin(), order_.end(), [this](std::uint32_t a, std::uint32_t b) {
      const double first = extended_[a].log_weight, second = extended_[b].log_weight;
      return first != second ? first > second : a < b;
    });
    hypotheses_.clear();
    for (const std::uint32_t k : order_) {
      const Hypothesis& hypothesis = extended_[k];
      if (hypotheses_.size() == beam || hypothesis.log_weight < best_extended_ - negligible) break;
      // The same set can be reached in several orders.
      if (std::any_of(hypotheses_.begin(), hypotheses_.end(),
                      [&](const Hypothesis& kept) { return kept.same_terms(hypothesis); }))
        continue;
      hypotheses_.push_back(hypothesis);
    }
  }
  double total = 0.0;
  const double best = hypotheses_[0].log_weight;
  for (const Hypothesis& hypothesis : hypotheses_) total += std::exp(hypothesis.log_weight - best);
  for (Hypothesis& hypothesis : hypotheses_) {
    hypothesis.log_weight -= best + std::log(total);
    hypothesis.weight = std::exp(hypothesis.log_weight);
  }
}

void FailureModel::settle() {
  if (settled_ == observations() && !hypotheses_.empty()) return;
  settled_ = observations();
  for (std::size_t family = 0; family < families_.size(); ++family) {
    const Family& f = families_[family];
    double* const sums = cumulative_.data() + f.offset + family;
    for (std::size_t s = 0; s < f.states; ++s)
      sums[s + 1] = sums[s] + std::exp(prior_[f.offset + s] + ran_evidence_[f.offset + s]);
  }
  std::vector<std::size_t> failures;
  double trials = 0.0;
  for (std::size_t i = 0; i < ran_.size(); ++i) {
    if (!ran_[i] && i >= concluded_) failures.push_back(i);
    trials += weights_[i];
  }
  if (failures.size() > most_failures)
    failures.erase(failures.begin(), failures.end() - static_cast<std::ptrdiff_t>(most_failures));
  // The rate of accidents follows from how many failures are best explained by one; its prior is worth ten
  // trials.
  accident_ = options_.accident;
  for (int pass = 0; pass < 2; ++pass) {
    explain_failures(failures);
    double accidents = 0.0;
    for (const Hypothesis& h : hypotheses_) accidents += h.weight * h.accidents;
    constexpr double prior_trials = 10.0;
    const double rate = (prior_trials * options_.accident + accidents) / (prior_trials + trials);
    const bool moved = std::abs(rate - accident_) > 0.5 * accident_;
    accident_ = rate;
    if (!moved) break;
  }
}

void FailureModel::conclude() {
  settle();
  conclusions_ = hypotheses_;
  for (Hypothesis& hypothesis : conclusions_) hypothesis.log_weight -= prior_of(hypothesis);
  concluded_ = observations();
}

double FailureModel::probability(std::span<const double> row) const {
  edges_.clear();
  edges_of(row, edges_);
  double free = 1.0;
  for (std::uint32_t e = 0; e < edges_.size(); ++e) {
    edge_of_[edges_[e].family] = e;
    free *= 1.0 - options_.strength * free_belief(edges_[e]);
  }
  double total = 0.0;
  for (const Hypothesis& hypothesis : hypotheses_) {
    double runs = free;
    for (std::size_t t = 0; t < hypothesis.count; ++t) {
      const std::uint32_t at = edge_of_[hypothesis.terms[t].family];
      if (at == none) continue;
      runs *= (1.0 - options_.strength * share(hypothesis.terms[t], edges_[at])) /
              (1.0 - options_.strength * free_belief(edges_[at]));
    }
    total += hypothesis.weight * runs;
  }
  for (const Edge& edge : edges_) edge_of_[edge.family] = none;
  return (1.0 - accident_) * total;
}

}  // namespace lehr::guided
