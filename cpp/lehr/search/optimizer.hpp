// Ask and tell: one search over one space. The next proposal is a function of (space, options, seed, what was
// told so far and what is pending), so a search can be rebuilt from the record of its asks and tells.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lehr/search/history.hpp"
#include "lehr/search/options.hpp"
#include "lehr/search/searcher.hpp"
#include "lehr/search/split.hpp"

namespace lehr {

namespace gpu {
class Gpu;
}
class HybridSearch;
class TpeSearch;

class Optimizer {
 public:
  // Throws OptionError.
  Optimizer(std::shared_ptr<const Space> space, Options options);
  virtual ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // The number of the new pending trial. Throws ExhaustedError when nothing is left to propose.
  std::size_t ask();
  // Registers an ask that was recorded earlier, without computing anything.
  std::size_t replay_ask(const Configuration& configuration, Origin origin);
  // Throws ResultError, and then nothing has changed: unknown trial, told twice, objective not finite or
  // missing, a constrained metric missing or NaN, a standard error negative or without its value.
  void tell(std::size_t trial, const Result& result);
  // A trial of a search that learns its space on the way: NaN also stands for a variable that the trial never
  // looked at. Pending when there is no result. With `settled`, whatever agrees with it on the variables it
  // did look at counts as evaluated. Throws ResultError.
  std::size_t recall(const Configuration& partial, const Result* result, bool settled);
  // What the search would propose with the random draws of trial `stream` under `seed`; registers nothing. A
  // finite space that has nothing new left gives a repeat.
  Proposal propose(std::uint64_t seed, std::uint64_t stream);
  // A result from elsewhere.
  std::size_t add(const Configuration& configuration, const Result& result);
  // Every configuration that agrees with a told trial on these variables would end as it did: the search
  // proposes none of them any more. Throws ResultError for the trial, OptionError for no or unknown
  // variables.
  void rule_out(std::size_t trial, std::vector<std::size_t> variables);
  struct Rule {
    std::size_t trial;
    std::vector<std::size_t> variables;
  };
  const std::vector<Rule>& rules() const { return rules_; }
  // Results of another search over the same space, on another device say: a prior that fades as soon as this
  // search disagrees. Before the first trial; throws OptionError later, and for methods that cannot learn.
  void learn(std::vector<PriorObservation> results);
  const std::vector<PriorObservation>& learned() const { return learned_; }
  // Why nothing is left to gain, when that is so. Changes nothing.
  std::optional<std::string> finished() const;
  // To be asked next, before what the search would propose; known configurations too.
  void enqueue(const Configuration& configuration) { queue_.push_back(configuration); }

  const Space& space() const { return *space_; }
  const Options& options() const { return options_; }
  const History& history() const { return *history_; }
  const std::deque<Configuration>& queue() const { return queue_; }
  // Every ask and tell, in order: trial number, and whether it was a tell.
  struct Event {
    std::size_t trial;
    bool tell;
  };
  const std::vector<Event>& events() const { return events_; }

  std::string phase() const { return searcher_->phase(); }
  std::string stage() const { return searcher_->stage(); }
  std::string explain() const;
  std::optional<double> temperature() const;  // of the annealing, while it leads

  // TPE's view of the history; throws OptionError for methods without TPE.
  Split split();
  // Throws DeviceError when the device is cuda and cannot be used.
  std::vector<double> score(const std::vector<Configuration>& configurations, Device device = Device::cpu,
                            gpu::Gpu* gpu = nullptr);
  // Where TPE scores its candidates; nothing to methods without TPE.
  void use(Device device, std::shared_ptr<gpu::Gpu> gpu);

 private:
  void check_asked(std::size_t trial) const;
  void check_pending(std::size_t trial) const;
  void check_result(std::size_t trial, const Result& result) const;
  TpeSearch& tpe() const;
  std::size_t remember_ask(const Configuration& configuration, Origin origin);

  std::shared_ptr<const Space> space_;
  Options options_;
  std::unique_ptr<History> history_;
  std::unique_ptr<EvaluatedSet> evaluated_;
  std::unique_ptr<Searcher> searcher_;
  std::deque<Configuration> queue_;
  std::vector<Event> events_;
  std::vector<PriorObservation> learned_;
  std::vector<Rule> rules_;
};

}  // namespace lehr
