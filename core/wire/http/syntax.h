// The basic syntax of HTTP: tokens, lists, case, blanks and percent-encoding (RFC 9110 section 5.6, RFC 3986 section
// 2.1). Pure functions; they do not interpret headers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chat::wire {

// Converts an ASCII letter; other characters are unchanged.
inline constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Ignores the case of ASCII letters only.
bool equals_ignoring_case(std::string_view a, std::string_view b);

// Removes spaces and tabs at both ends.
std::string_view trim_blanks(std::string_view text);

// RFC 9110 section 5.6.2: the syntax of methods and header names. An empty text is no token.
bool is_token(std::string_view text);

// The trimmed elements of a comma-separated header, without empty ones.
std::vector<std::string> list_elements(std::string_view header);
// True when the list contains the token, in any case.
bool contains_token(std::string_view header, std::string_view token);

// Returns nullopt when a "%" is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text);

// Decodes one name or value of a query like Node's querystring: "+" becomes a space, and a "%" without a valid escape
// is kept.
std::string form_decoded(std::string_view text);

}  // namespace chat::wire
