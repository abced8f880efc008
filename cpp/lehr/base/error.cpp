#include "lehr/base/error.hpp"

namespace lehr {
namespace {

std::string joined(const char* heading, const std::vector<std::string>& sentences) {
  if (sentences.size() == 1) return sentences.front();
  std::string text = std::to_string(sentences.size()) + heading;
  for (const std::string& sentence : sentences) text += "\n- " + sentence;
  return text;
}

}  // namespace

SpaceError::SpaceError(std::vector<std::string> mistakes)
    : Error(joined(" mistakes in this space:", mistakes)), mistakes_(std::move(mistakes)) {}

ConfigurationError::ConfigurationError(std::vector<std::string> problems)
    : Error(joined(" problems with this configuration:", problems)), problems_(std::move(problems)) {}

}  // namespace lehr
