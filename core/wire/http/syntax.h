// The small syntax of HTTP: tokens, lists, case, blanks and percent-encoding (RFC 9110 section 5.6, RFC 3986 section 2.1).
// Pure functions on text; nothing here knows what a header means.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chat::wire {

inline constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// ASCII letters only.
bool equals_ignoring_case(std::string_view a, std::string_view b);

// Without the spaces and tabs at both ends.
std::string_view trim_blanks(std::string_view text);

// RFC 9110 section 5.6.2: a method, a header's name. Never empty.
bool is_token(std::string_view text);

// The elements of a comma-separated header, trimmed, empty ones left out.
std::vector<std::string> list_elements(std::string_view header);
bool contains_token(std::string_view header, std::string_view token);

// nullopt when a "%" is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text);

// One name or value of a query, as Node's querystring decodes it: "+" is a space, and a "%" that is no escape stays as it
// is.
std::string form_decoded(std::string_view text);

}  // namespace chat::wire
