// The forms over HTTP, whose clients only receive.
#pragma once

#include "form.h"

namespace bench {

// nullptr for names that are not forms over HTTP.
std::unique_ptr<Form> make_http_form(std::string_view name);

}  // namespace bench
