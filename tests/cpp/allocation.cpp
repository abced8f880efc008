// Once warm, TPE's densities are brought up to date, drawn from and scored without allocating.
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

#include "lehr/estimators/parzen.hpp"

namespace {

std::size_t allocations = 0;

void* counted(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

struct Densities {
  std::vector<lehr::Dimension> dimensions;
  lehr::ParzenEstimator below, above;
  std::vector<double> rows, row, points, low, high;
  lehr::Rng rng{5};

  explicit Densities(std::vector<lehr::Dimension> given) : dimensions(std::move(given)) {
    above.begin(dimensions);
    for (int i = 0; i < 25; ++i) draw(rows);
    points.reserve(24 * dimensions.size());
    low.resize(24);
    high.resize(24);
  }

  void draw(std::vector<double>& into) {
    for (const lehr::Dimension& d : dimensions) {
      if (d.choices > 0) {
        into.push_back(static_cast<double>(rng.below(d.choices)));
      } else if (d.step > 0.0) {
        const auto values = static_cast<std::uint64_t>(std::round((d.high - d.low) / d.step)) + 1;
        into.push_back(d.low + static_cast<double>(rng.below(values)) * d.step);
      } else {
        into.push_back(rng.uniform(d.low, d.high));
      }
    }
  }

  // What an ask does: a new trial, one that changes sides (every second time back again), a new fit below,
  // candidates, scores.
  void ask(std::size_t moved) {
    row.clear();
    draw(row);
    above.append(row, true);
    above.set_counts(moved, !above.counts(moved));
    above.settle();
    for (std::size_t d = 0; d < dimensions.size(); ++d) rows[d] = row[d];
    below.fit(dimensions, rows, 25);
    points.resize(24 * dimensions.size());
    below.sample(rng, 24, points);
    below.log_pdf(points, 24, low);
    above.log_pdf(points, 24, high);
  }
};

int check(const char* what, std::vector<lehr::Dimension> dimensions) {
  Densities densities(std::move(dimensions));
  // Buffers double as the history grows: after 1,100 asks they hold 2,048 slots.
  for (std::size_t i = 0; i < 1100; ++i) densities.ask(i / 2);
  const std::size_t before = allocations;
  for (std::size_t i = 0; i < 200; ++i) densities.ask(i / 2);
  const std::size_t made = allocations - before;
  if (made == 0) return 0;
  std::fprintf(stderr, "failed: %zu allocations in 200 asks of a warm search (%s)\n", made, what);
  return 1;
}

}  // namespace

int main() {
  const lehr::Dimension choice{3}, real{0, 0.0, 1.0}, logarithmic{0, 1e-4, 1e-1, true},
      integer{0, 1.0, 8.0, false, 1.0}, hundred{0, 0.0, 100.0, false, 1.0}, many{0, 0.0, 1e6, false, 1.0};
  return check("mixed", {choice, real, logarithmic, integer, hundred, many}) +
         check("discrete", {choice, integer, choice});
}
