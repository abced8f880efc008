// Conditions compiled for speed: names resolved to indices, values to codes, one flat array per condition.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "lehr/space/condition.hpp"
#include "lehr/space/variable.hpp"

namespace lehr {

// Kleene's three truth values, ordered so that `and` is the minimum, `or` the maximum and `not` the mirror
// image.
enum class Truth : std::uint8_t { no = 0, unknown = 1, yes = 2 };

using NameIndex = std::unordered_map<std::string, std::size_t>;

class Program {
 public:
  // One comparison with a constant: a set of accepted codes of one variable.
  struct Test {
    Operator op;
    std::uint32_t variable;
    double value = 0.0;      // comparisons
    std::uint64_t bits = 0;  // is_in over codes below 64 of a categorical or ordinal variable
    bool use_bits = false;
    std::vector<double> members;  // is_in otherwise, ascending

    bool accepts(double code) const;
  };

  Program() = default;  // always holds
  // The condition must have been checked: every name known, every value legal.
  Program(const Condition& condition, const std::vector<Variable>& variables, const NameIndex& names);

  bool always() const noexcept { return nodes_.empty(); }
  Truth evaluate(std::span<const double> codes) const {
    return always() ? Truth::yes : evaluate(0, codes.data());
  }
  bool holds(std::span<const double> codes) const { return evaluate(codes) == Truth::yes; }
  const std::vector<Test>& tests() const noexcept { return tests_; }
  // Indices of the variables it mentions, ascending, each once.
  const std::vector<std::size_t>& mentions() const noexcept { return mentions_; }

 private:
  struct Node {
    Operator op;
    std::uint32_t end;   // index after this node's subtree; operands follow their node
    std::uint32_t test;  // for leaves
  };

  void compile(const Condition& condition, const std::vector<Variable>& variables, const NameIndex& names);
  Truth evaluate(std::size_t at, const double* codes) const;

  std::vector<Node> nodes_;
  std::vector<Test> tests_;
  std::vector<std::size_t> mentions_;
};

}  // namespace lehr
