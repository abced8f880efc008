// All legal configurations of a space as a layered decision diagram: one layer a variable, one node for each
// distinct combination of cells that later rules still look at, one edge for each cell a variable may take.
// Satisfiability, exact counting and exact sampling are then sums over edges (the frontier method of
// knowledge compilation; Knuth, TAOCP 4A, section 7.1.4). Independent groups of variables get diagrams of
// their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lehr/base/rng.hpp"
#include "lehr/space/cells.hpp"
#include "lehr/space/program.hpp"

namespace lehr {

// A space's rules in compiled form.
struct Rules {
  std::vector<Program> when;             // one per variable
  std::vector<Program> forbidden;        // each with at least one variable
  std::vector<std::vector<Cell>> cells;  // one list per variable
  std::vector<std::vector<std::size_t>>
      due;  // per variable, the forbidden combinations whose last variable it is
};

Rules compile(const std::vector<Variable>& variables, const std::vector<Condition>& forbidden,
              const NameIndex& names);

class Diagram {
 public:
  // Nothing when it would need more than max_edges.
  static std::optional<Diagram> build(const Rules& rules, bool with_forbidden, std::size_t max_edges);

  bool satisfiable() const noexcept { return satisfiable_; }
  // Whether some legal configuration has the variable active.
  bool can_be_active(std::size_t variable) const { return can_be_active_[variable]; }
  // A legal configuration with the distribution of unconstrained hierarchical draws conditioned on legality.
  void sample(const Rules& rules, const std::vector<Variable>& variables, std::span<double> codes,
              Rng& rng) const;
  // Nothing when a continuous variable with more than one value can be active.
  std::optional<std::string> count(const Rules& rules, const std::vector<Variable>& variables) const;

 private:
  static constexpr std::uint32_t kInactive = 0xffffffff;

  struct Edge {
    std::uint32_t cell;
    std::uint32_t target;  // node of the next layer
    double weight;         // relative to the other edges of its node
  };
  struct Node {
    std::uint32_t first;  // its edges in the layer
    std::uint32_t last;
  };
  struct Layer {
    std::size_t variable;
    std::vector<Node> nodes;
    std::vector<Edge> edges;
  };
  class Builder;

  // Drops edges that lead nowhere and weighs the others.
  static bool finish(std::vector<Layer>& layers, const Rules& rules);

  bool satisfiable_ = true;
  std::vector<bool> can_be_active_;
  std::vector<std::vector<Layer>> groups_;
};

}  // namespace lehr
