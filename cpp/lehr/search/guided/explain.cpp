// What the guided search believes, in sentences.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <set>

#include "lehr/search/guided/guided.hpp"

namespace lehr {
namespace {

constexpr double believed = 0.5;  // causes at least this probable are named
constexpr double sure = 0.9;      // below it the sentence says so
constexpr std::size_t most_sentences = 8;

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string figure(double value) {
  char digits[32];
  const bool whole = std::abs(value) >= 1000.0 && std::abs(value) < 1e7;
  std::snprintf(digits, sizeof digits, whole ? "%.0f" : "%.3g", value);
  return digits;
}

// A value without quotes where it cannot be taken for anything but a word.
std::string plain(const Value& value) {
  const auto* word = std::get_if<std::string>(&value);
  const auto ordinary = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
  };
  if (word == nullptr || word->empty() || std::isalpha(static_cast<unsigned char>(word->front())) == 0 ||
      !std::all_of(word->begin(), word->end(), ordinary) || *word == "None" || *word == "True" ||
      *word == "False")
    return text(value);
  return *word;
}

std::string named(const Variable& variable, double code) {
  return variable.name + "=" + plain(variable.decode(code));
}

// `x above about 0.7`, `batch from about 54 up`, `size from xl up`.
std::string stretch(const Variable& variable, const guided::FailureModel::Cause& cause) {
  double code = variable.from_unit(cause.threshold);
  if (!variable.discrete())
    return variable.name + (cause.above ? " above about " : " below about ") + figure(code);
  // The first value beyond the threshold.
  const double width = variable.step > 0.0 ? variable.step : 1.0;
  if (cause.above && variable.to_unit(code) <= cause.threshold) code = variable.nearest(code + width);
  if (!cause.above && variable.to_unit(code) >= cause.threshold) code = variable.nearest(code - width);
  constexpr std::size_t few = 8;
  const std::string value = (variable.cardinality() > few ? "about " : "") + plain(variable.decode(code));
  return variable.name + (cause.above ? " from " + value + " up" : " up to " + value);
}

const char* how(Outcome outcome) {
  switch (outcome) {
    case Outcome::timeout:
      return "runs into its deadline";
    case Outcome::out_of_memory:
      return "runs out of memory";
    case Outcome::early_stopped:
      return "is stopped early";
    default:
      return "crashes";
  }
}

// What the last trial was asked for, and so what the search is after.
std::string aim(const History& history, std::size_t variables) {
  const Origin last = history.size() == 0 ? Origin::initial : history.origin(history.size() - 1);
  switch (last) {
    case Origin::coverage:
      return "Giving every value that has not run yet a trial, with the other values most likely to run and "
             "to "
             "meet the limits.";
    case Origin::transfer:
      return "Trying first what was best in the search that it learned from.";
    case Origin::tpe:
      return "With " + std::to_string(variables) + " variables the densities of TPE lead.";
    default:
      return history.feasible() == 0
                 ? "Looking for a configuration that runs and meets the limits."
                 : "Looking for what is expected to improve most on the best result, times its chance to "
                   "run and to meet the limits.";
  }
}

}  // namespace

// Whether a row has everything that a cause names.
bool GuidedSearch::within(const guided::FailureModel::Cause& cause, std::span<const double> row) const {
  for (std::size_t v = 0; v < cause.values; ++v) {
    if (row[cause.feature[v]] != static_cast<double>(cause.choice[v])) return false;
  }
  if (!cause.stretch) return true;
  const double position = row[cause.numeric];
  return cause.above ? position > cause.threshold : position < cause.threshold;
}

// How the failures within a cause ended, where they all ended alike.
std::string GuidedSearch::ending(const guided::FailureModel::Cause& cause) const {
  const std::size_t width = encoding_.size();
  std::set<Outcome> endings;
  for (std::size_t i = 0; i < ran_.size(); ++i) {
    if (ran_[i] == 0 && within(cause, {rows_.data() + i * width, width}))
      endings.insert(context_.history.outcome(context_.history.told()[i]));
  }
  return endings.size() > 1 ? "fails" : how(endings.empty() ? Outcome::crashed : *endings.begin());
}

// `backend=compile: crashes (6 of 6, across 4 values of model)`.
std::string GuidedSearch::sentence(const guided::FailureModel& model,
                                   const guided::FailureModel::Cause& cause) const {
  std::string words = "\n- ";
  std::set<std::size_t> in_it;
  for (std::size_t v = 0; v < cause.values; ++v) {
    const Variable& variable = context_.space.variable(encoding_.feature(cause.feature[v]).variable);
    in_it.insert(cause.feature[v]);
    words += (v == 0 ? "" : " with ") + named(variable, static_cast<double>(cause.choice[v]));
  }
  if (cause.stretch)
    words += (cause.values == 0 ? "" : " with ") +
             stretch(context_.space.variable(encoding_.feature(cause.numeric).variable), cause);
  words += ": " + ending(cause) + " (" + std::to_string(cause.failed) + " of " + std::to_string(cause.tried);
  // The variety it failed in: of the other variables, the one with the most values among these failures.
  std::size_t most = 0, widest = 0;
  for (std::size_t j = 0; j < encoding_.size(); ++j) {
    if (!encoding_.feature(j).categorical() || in_it.contains(j)) continue;
    const std::size_t variety = model.variety(cause, j);
    if (variety > most) {
      most = variety;
      widest = j;
    }
  }
  if (most > 1)
    words += ", across " + std::to_string(most) + " values of " +
             context_.space.variable(encoding_.feature(widest).variable).name;
  return words + (cause.probability < sure ? "); not sure yet" : ")");
}

// Values that wait for a trial that runs, those left out that are known to fail.
std::string GuidedSearch::waiting(const std::vector<guided::FailureModel::Cause>& causes) const {
  std::string values;
  std::size_t count = 0;
  for (std::size_t at = 0; at < coverage_.values().size(); ++at) {
    const guided::ValueOf& of = coverage_.values()[at];
    const bool fails =
        std::any_of(causes.begin(), causes.end(), [&](const guided::FailureModel::Cause& cause) {
          return cause.values == 1 && !cause.stretch && cause.feature[0] == of.feature &&
                 cause.choice[0] == of.choice;
        });
    if (coverage_.fair(at) > 0 || fails) continue;
    if (++count > most_sentences) continue;
    values +=
        (values.empty() ? "" : ", ") + named(context_.space.variable(encoding_.feature(of.feature).variable),
                                             static_cast<double>(of.choice));
  }
  if (count == 0) return "";
  const std::string more =
      count > most_sentences ? " and " + std::to_string(count - most_sentences) + " more" : "";
  return "\n- " + counted(count, "value") + " without a trial that ran: " + values + more + ".";
}

// Which limits are missed, and how often.
std::string GuidedSearch::missed() const {
  const History& history = context_.history;
  std::string words;
  for (std::size_t k = 0; k < context_.options.constraints.size(); ++k) {
    const Constraint& constraint = context_.options.constraints[k];
    std::size_t measured = 0, missed = 0;
    for (const std::size_t trial : history.told()) {
      const double value = history.metrics(trial)[k];
      if (std::isnan(value)) continue;
      ++measured;
      missed += constraint.missed(value) ? 1 : 0;
    }
    if (missed > 0)
      words += "\n- " + text(constraint) + ": missed by " + std::to_string(missed) + " of the " +
               counted(measured, "trial") + " that measured it.";
  }
  return words;
}

std::string GuidedSearch::explain() const {
  const History& history = context_.history;
  std::string words = aim(history, encoding_.size());
  guided::FailureModel model =
      transferred_failure_model_ && transfer_weight_.holds() ? *transferred_failure_model_ : failure_model_;
  model.settle();
  std::vector<guided::FailureModel::Cause> causes = model.causes(believed);
  const bool all_failed = history.finished() > 0 && std::count(ran_.begin(), ran_.end(), 1) == 0;
  if (all_failed) {
    words += "\n- Nothing has run yet.";
    // Any stretch would do: every trial is on one side of it or the other.
    std::erase_if(causes, [](const guided::FailureModel::Cause& cause) { return cause.stretch; });
  }
  words += waiting(causes) + missed();
  for (std::size_t i = 0; i < std::min(causes.size(), most_sentences); ++i)
    words += sentence(model, causes[i]);
  if (learned_ > 0) {
    char share[32];
    std::snprintf(
        share, sizeof share, "%.0f %%",
        transferred_failure_model_ || failures_transferred_ ? 100.0 * transfer_weight_.probability() : 0.0);
    words += "\n- Learned from " + counted(learned_, "trial") +
             " of another search; transfer weight of its failure model: " + share + ".";
  }
  return words;
}

}  // namespace lehr
