// A sum of small tables over discrete variables, and its exact minimum: a cost function network (weighted
// constraint satisfaction; Larrosa and Schiex, "Solving weighted CSP by maintaining arc consistency",
// Artificial Intelligence 159, 2004). Laws that are sums of tables have known optima in grids far too large
// to list.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace lehr {

// A cost for every combination of the values of a few variables, told by their places in the domains.
struct CostTable {
  std::vector<std::size_t> scope;    // variables, ascending
  std::vector<std::size_t> strides;  // of each, in `costs`
  std::vector<double> costs;         // infinite: the combination is impossible
  std::size_t part = 0;              // which of the network's sums it adds to

  double at(std::span<const std::size_t> places) const {
    std::size_t index = 0;
    for (std::size_t i = 0; i < scope.size(); ++i) index += strides[i] * places[scope[i]];
    return costs[index];
  }
};

// The table of a function of the places of `scope` (ascending variables), in its order. `sizes` has the
// number of values of every variable.
CostTable tabulate(std::vector<std::size_t> scope, std::span<const std::size_t> sizes,
                   const std::function<double(std::span<const std::size_t>)>& cost);

struct CostMinimum {
  std::vector<std::size_t> places;  // empty when nothing is possible, or nothing was found in time
  double cost = std::numeric_limits<double>::infinity();
  bool proven = false;  // nothing is cheaper
  std::size_t nodes = 0;
};

// What is minimised: the tables add up to `parts` sums, and the cost of a whole assignment is at least
// bound(sums), which must not fall where a sum grows.
struct CostNetwork {
  std::vector<std::size_t> sizes;
  std::vector<CostTable> tables;
  std::size_t parts = 1;
  std::function<double(std::span<const double>)> bound;
  std::function<double(std::span<const std::size_t>)> cost;
};

// Depth first, the most promising value first, cut off where the tables' least completions show that nothing
// better follows. Not proven when it takes more than `most_nodes` partial assignments.
CostMinimum minimise(const CostNetwork& network, std::size_t most_nodes);

}  // namespace lehr
