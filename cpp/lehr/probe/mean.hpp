// How well a mean latency is known, by batch means: successive latencies resemble each other, but the means
// of long blocks of them do so less and less (Law and Kelton, Simulation Modeling and Analysis,
// section 9.5.3).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lehr::probe {

// t with P(|T| <= t) = confidence for Student's distribution; degrees of freedom from 1.
double student_t(double confidence, std::size_t degrees);

// Takes latencies one after the other and keeps sums of blocks: at least `block_ms` and two calls each, and
// at most 127 blocks. Where they would become more, neighbours are joined and blocks are twice as long from
// then on, so that memory is bounded and blocks grow with the run (dynamic batch means: Yeh and Schmeiser,
// Operations Research Letters 26, 2000). A call costs one addition.
class BlockMeans {
 public:
  // Throws OptionError for a confidence outside (0.5, 1) or a block that is not above 0.
  explicit BlockMeans(double confidence, double block_ms = shortest_ms);

  void add(double ms) {
    open_.sum += ms;
    open_.calls += 1;
    if (open_.sum >= block_ms_ && open_.calls >= fewest_calls) close();
  }

  // Half of the width of the confidence interval of the mean, as a share of the mean; infinity with fewer
  // than three blocks. It is the widest of the intervals from blocks of one, two, four ... times the length
  // while five blocks remain: where longer blocks vary more than independent ones would, there is dependence
  // that outlasts a block. The mean is total time by total calls, so its variance is that of a ratio.
  double half_width() const;
  std::size_t blocks() const noexcept { return blocks_.size(); }

  // Long against a scheduler's time slice, so that a block is no single one; ten of them are what 0.2 s hold.
  static constexpr double shortest_ms = 20;
  static constexpr double fewest_calls = 2;
  // Fewer blocks give an interval, but too uncertain a one to end a measurement by.
  static constexpr std::size_t fewest_to_end = 8;

 private:
  struct Block {
    double sum = 0, calls = 0;
  };
  void close();
  double half_width(std::size_t joined) const;

  double confidence_, block_ms_;
  Block open_;
  std::vector<Block> blocks_;
};

}  // namespace lehr::probe
