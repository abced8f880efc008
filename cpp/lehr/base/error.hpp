// The exception tree of the core. Every error a caller can cause derives from lehr::Error; the text says what
// was given, what is allowed and what to do. Bindings translate the tree in one place
// (python/bindings/errors.cpp).
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lehr {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A space was described wrongly. Carries every mistake found, one sentence each.
class SpaceError : public Error {
 public:
  explicit SpaceError(std::vector<std::string> mistakes);
  const std::vector<std::string>& mistakes() const noexcept { return mistakes_; }

 private:
  std::vector<std::string> mistakes_;
};

// A configuration is not a legal member of its space. Carries every problem found.
class ConfigurationError : public Error {
 public:
  explicit ConfigurationError(std::vector<std::string> problems);
  const std::vector<std::string>& problems() const noexcept { return problems_; }

 private:
  std::vector<std::string> problems_;
};

// An option of the search is out of its range or unknown.
class OptionError : public Error {
 public:
  using Error::Error;
};

// A told result cannot be accepted: not finite, missing or unknown metrics, unknown trial, told twice.
class ResultError : public Error {
 public:
  using Error::Error;
};

// Every configuration of a finite space has been evaluated or is being evaluated.
class ExhaustedError : public Error {
 public:
  using Error::Error;
};

// This machine does not let us start or watch a process, and why.
class IsolationError : public Error {
 public:
  using Error::Error;
};

// A device cannot be used, and why.
class DeviceError : public Error {
 public:
  using Error::Error;
};

}  // namespace lehr
