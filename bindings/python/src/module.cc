// The extension pychat._pychat.
#include <pybind11/pybind11.h>

#include "chat/chat.h"

PYBIND11_MODULE(_pychat, module) { module.attr("__version__") = chat_version(); }
