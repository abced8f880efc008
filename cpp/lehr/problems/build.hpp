// Spaces written down in C++, in few words.
#pragma once

#include <string>
#include <vector>

#include "lehr/space/variable.hpp"

namespace lehr::build {

Variable categorical(std::string name, std::vector<std::string> choices);
Variable ordinal(std::string name, std::vector<std::int64_t> values);
Variable flag(std::string name);  // categorical of False and True
Variable integer(std::string name, double low, double high, bool log = false);
Variable real(std::string name, double low, double high, bool log = false);
Variable when(Variable variable, Condition condition);

Condition is(std::string variable, Value value);
Condition is_in(std::string variable, std::vector<Value> values);
Condition is_not(std::string variable, Value value);

}  // namespace lehr::build
