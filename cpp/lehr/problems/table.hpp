// A problem whose every configuration was measured beforehand: evaluations are looked up.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lehr/problems/problem.hpp"

namespace lehr {

// One measurement of a configuration.
struct Recording {
  Result result;  // metrics in the order of the problem's constraints
  double seconds = 0.0;
  std::string cause;  // of a failure
};

struct Row {
  Configuration codes;
  std::vector<Recording> recordings;  // at least one
};

struct TableForm {
  std::string name;
  std::string objective;
  Direction direction = Direction::maximize;
  std::vector<Constraint> constraints;
  std::optional<std::string> family;
  std::string description;
};

// Where a configuration was measured several times, a study meets the recordings in turn, from a place that
// depends on its seed; the truth is the outcome that most of them had (a failure where they tie), with the
// medians of what the recordings of that outcome measured.
class TableProblem final : public Problem {
 public:
  // Throws OptionError unless the rows are exactly the legal configurations of the space, each once.
  TableProblem(TableForm form, std::shared_ptr<const Space> space, std::vector<Row> rows);

  Evaluation evaluate(std::span<const double> codes, const Draw& draw) const override;
  Evaluation truth(std::span<const double> codes) const override;
  Optimum optimum() const override;
  std::string describe() const override { return description_; }

  std::size_t rows() const noexcept { return rows_.size(); }

 private:
  // Row of a configuration; the number of rows when there is none.
  std::size_t find(std::span<const double> codes) const noexcept;

  std::string description_;
  std::vector<Row> rows_;
  std::vector<Recording> truths_;     // one a row
  std::vector<std::uint32_t> slots_;  // open addressing: row + 1, or 0 where free
};

}  // namespace lehr
