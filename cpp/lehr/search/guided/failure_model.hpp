// Why trials fail: a Bayesian network of possible causes, with credit assignment.
//
// A cause is a value of a categorical variable, two or three values together, or a stretch of a numeric
// variable above or below an unknown threshold, alone or together with a value. Each exists with a small
// prior probability; a trial fails when any of its causes exists (almost surely), or by accident: a noisy-OR
// (Pearl, 1988), as in diagnosis. A trial that ran clears everything it contained, to the letter: success
// factorises over causes. What failed is explained by hypotheses, small sets of causes that cover all
// failures, found by a beam search over the failures; their weights are the joint posterior. So a value that
// failed twice is suspect, but where it may yet run it is not tried again with the partners that must then be
// the cause.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lehr/search/guided/encoding.hpp"

namespace lehr::guided {

struct FailureModelOptions {
  bool pairs = true;       // two values together
  bool triples = true;     // three values together
  bool thresholds = true;  // stretches of numeric variables
  double value_prior = 0.08;
  double pair_prior = 0.03;
  double triple_prior = 0.03;
  double threshold_prior = 0.08;        // of a stretch on one side of a numeric variable
  double value_threshold_prior = 0.02;  // of a stretch together with a value
  double strength = 0.999;              // how surely a cause makes a trial fail
  double accident = 0.03;               // prior mean of failures that have no cause
};

class FailureModel {
 public:
  explicit FailureModel(std::vector<Feature> features, const FailureModelOptions& options = {});

  // A finished trial: its row, whether it ran, and how much it counts (1; less for a prior observation).
  void observe(std::span<const double> row, bool ran, double weight = 1.0);
  void clear();
  std::size_t observations() const { return weights_.size(); }
  // Explains the failures observed so far once and for all; those to come are explained on top. For a long
  // history that does not change.
  void conclude();

  // Brings the beliefs up to date with what was observed.
  void settle();
  // Probability that a configuration runs. After settle().
  double probability(std::span<const double> row) const;
  // Of the accident alone.
  double accident() const { return accident_; }

  // What is believed to make trials fail, surest first.
  struct Cause {
    double probability = 0.0;
    std::size_t values = 0;  // how many categorical values, at most 3
    std::array<std::size_t, 3> feature{};
    std::array<std::size_t, 3> choice{};
    bool stretch = false;  // of a numeric feature
    std::size_t numeric = 0;
    bool above = false;      // the threshold; otherwise below
    double threshold = 0.0;  // unit position, the middle of where it is believed to be
    std::size_t failed = 0;  // trials within that failed
    std::size_t tried = 0;   // trials within
  };
  std::vector<Cause> causes(double at_least) const;
  // How many values of a categorical feature the failures within a cause have seen.
  std::size_t variety(const Cause& cause, std::size_t feature) const;

 private:
  // A context is nothing, a value, or two or three values; a family is a context with one shape (always, or
  // one side of a numeric variable). The states of a family are its possible thresholds; at most one holds.
  struct Family {
    std::size_t offset = 0;  // of its states
    std::size_t states = 1;
  };
  struct Edge {
    std::uint32_t family;
    std::uint32_t first;  // the states that cover the trial: first .. last - 1
    std::uint32_t last;
  };
  std::size_t bin(std::size_t numeric, double position) const;
  template <class Visit>
  void visit_families(std::span<const double> row, Visit visit) const;
  void edges_of(std::span<const double> row, std::vector<Edge>& edges) const;
  // A set of causes that explains the failures: families, each with the states it can still be in.
  struct Hypothesis {
    static constexpr std::size_t most = 12;
    double log_weight = 0.0;
    double weight = 1.0;  // normalised, once all failures are explained
    double accidents = 0.0;
    std::size_t count = 0;
    std::array<Edge, most> terms;
    bool same_terms(const Hypothesis& other) const;
  };
  double mass(std::size_t family, std::uint32_t first, std::uint32_t last) const;  // odds against 'none'
  double free_belief(const Edge& edge) const;  // that a cause covers, where nothing needs it
  double share(const Edge& term, const Edge& edge) const;
  void explain_failures(const std::vector<std::size_t>& failures);
  Hypothesis* extended(const Hypothesis& from, double log_factor);
  double prior_of(const Hypothesis& hypothesis) const;  // as a logarithm, given what ran
  void extend(const Hypothesis& from, const std::vector<Edge>& edges, double weight);
  double belief(std::size_t family) const;
  bool within(const Cause& cause, std::size_t trial) const;
  void count(Cause& cause) const;

  std::vector<Feature> features_;
  FailureModelOptions options_;
  std::vector<std::size_t> categorical_, numeric_;  // features
  std::vector<std::size_t> first_value_;            // per categorical: its first value's number
  std::size_t values_ = 0;
  std::vector<std::size_t> pair_start_;    // per pair of categorical positions (a * count + b)
  std::vector<std::size_t> triple_start_;  // per three of them ((a * count + b) * count + e)
  std::size_t contexts_ = 0;
  std::size_t value_contexts_ = 0;  // contexts 1 .. value_contexts_ are values
  bool pairs_ = false;
  bool triples_ = false;
  bool crossed_ = false;           // stretches together with values
  std::vector<std::size_t> bins_;  // per numeric: number of thresholds
  std::vector<Family> families_;
  std::vector<double> prior_;  // log odds of each state against 'none' by prior

  std::vector<double> rows_, weights_;
  std::vector<std::uint8_t> ran_;
  std::size_t settled_ = 0;

  std::vector<double> ran_evidence_;  // log P(what ran | state) / P(what ran | none)
  std::vector<double> cumulative_;    // odds of the states, running sums; states + 1 a family
  std::vector<Hypothesis> hypotheses_, extended_;
  double best_extended_ = 0.0;
  std::vector<double> log_causes_;  // of the edges of the failure to be explained
  std::vector<std::uint32_t> order_;
  std::vector<Hypothesis> conclusions_;  // with weights that lack prior_of()
  std::size_t concluded_ = 0;            // observations
  mutable std::vector<Edge> edges_;
  mutable std::vector<std::uint32_t> edge_of_;  // per family: its place in edges_, or none
  double accident_ = 0.03;
};

}  // namespace lehr::guided
