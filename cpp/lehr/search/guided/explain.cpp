// What the guided search believes, in sentences.
#include <cmath>
#include <cstdio>
#include <set>

#include "lehr/search/guided/guided.hpp"

namespace lehr {
namespace {

constexpr double believed = 0.5;  // causes at least this probable are named
constexpr std::size_t most_sentences = 8;

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

// `backend='compile': crashes (6 of 6, across 4 values of model)`.
std::string GuidedSearch::sentence(const guided::Validity& validity,
                                   const guided::Validity::Cause& cause) const {
  std::string words = "\n- ";
  std::set<std::size_t> named;
  for (std::size_t v = 0; v < cause.values; ++v) {
    const std::size_t at = encoding_.feature(cause.feature[v]).variable;
    const Variable& variable = context_.space.variable(at);
    named.insert(cause.feature[v]);
    words += (v == 0 ? "" : " with ") + variable.name + "=" +
             text(variable.decode(static_cast<double>(cause.choice[v])));
  }
  if (cause.stretch) {
    const Variable& variable = context_.space.variable(encoding_.feature(cause.numeric).variable);
    words += (cause.values == 0 ? "" : " with ") + variable.name +
             (cause.above ? " above about " : " below about ") +
             text(variable.decode(variable.from_unit(cause.threshold)));
  }
  words += ": crashes (" + std::to_string(cause.failed) + " of " + std::to_string(cause.tried);
  // The variety it failed in: of the other variables, the one with the most values among these failures.
  std::size_t most = 0, widest = 0;
  for (std::size_t j = 0; j < encoding_.size(); ++j) {
    if (!encoding_.feature(j).categorical() || named.contains(j)) continue;
    const std::size_t variety = validity.variety(cause, j);
    if (variety > most) {
      most = variety;
      widest = j;
    }
  }
  if (most > 1)
    words += ", across " + std::to_string(most) + " values of " +
             context_.space.variable(encoding_.feature(widest).variable).name;
  return words + ")";
}

std::string GuidedSearch::explain() const {
  const History& history = context_.history;
  std::string words =
      history.feasible() == 0
          ? "Looking for a configuration that runs and meets the limits."
          : "Looking for what is expected to improve most on the best result, times its chance to run "
            "and to meet the limits.";
  std::string waiting;
  std::size_t count = 0;
  for (std::size_t at = 0; at < coverage_.values().size(); ++at) {
    if (coverage_.fair(at) > 0) continue;
    const guided::ValueOf& of = coverage_.values()[at];
    const Variable& variable = context_.space.variable(encoding_.feature(of.feature).variable);
    if (++count <= most_sentences)
      waiting += (waiting.empty() ? "" : ", ") + variable.name + "=" +
                 text(variable.decode(static_cast<double>(of.choice)));
  }
  if (count > 0)
    words += "\n- " + counted(count, "value") + " without a trial that ran: " + waiting +
             (count > most_sentences ? ", ..." : "") + ".";
  std::size_t sentences = 0;
  guided::Validity validity = validity_;
  validity.settle();
  for (const guided::Validity::Cause& cause : validity.causes(believed)) {
    if (sentences++ == most_sentences) break;
    words += sentence(validity, cause);
  }
  if (hearsay_.observations() > 0) {
    char share[32];
    std::snprintf(share, sizeof share, "%.0f %%", 100.0 * trust_.probability());
    words += "\n- Learned from " + counted(hearsay_.observations(), "trial") +
             " of another search; its word on what fails is trusted to " + share + ".";
  }
  return words;
}

}  // namespace lehr
