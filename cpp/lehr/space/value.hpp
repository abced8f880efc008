// A value as the user wrote it: None, bool, int, float or str, with its type kept.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace lehr {

using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

// Same type and same value: 1, 1.0 and true are three different choices.
bool same(const Value& a, const Value& b);
// A number as double; throws std::bad_variant_access for None, bool and str.
double number(const Value& value);
bool is_number(const Value& value);
// As a Python user would write it: 'onnxruntime', 8, 0.5, True, None.
std::string text(const Value& value);

}  // namespace lehr
