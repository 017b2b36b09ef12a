// See event_iterator.h.
#include "event_iterator.h"

#include <cstddef>
#include <utility>

namespace pychat {
namespace {

PyTypeObject* ready_type = nullptr;  // there is one interpreter; never freed, like the module

template <class Function>
void* slot(Function* function) {
  return reinterpret_cast<void*>(function);
}

PyTypeObject* make_type(PyType_Spec& spec) {
  auto* type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (type == nullptr) throw py::error_already_set();
  return type;
}

void free_object(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* itself(PyObject* self) {
  Py_INCREF(self);
  return self;
}

// An awaitable that returns its event without suspending. It has the methods of a coroutine, so asyncio makes tasks of it.
struct Ready {
  PyObject_HEAD PyObject* event;  // null after it was returned
};

Ready& ready_in(PyObject* self) { return *reinterpret_cast<Ready*>(self); }

PyObject* ready_next(PyObject* self) {
  PyObject* event = std::exchange(ready_in(self).event, nullptr);
  if (event == nullptr) {
    PyErr_SetString(PyExc_RuntimeError, "the next event was already awaited");
    return nullptr;
  }
  // An event is neither a tuple nor an exception, which PyErr_SetObject() would read as the arguments or the exception.
  PyErr_SetObject(PyExc_StopIteration, event);
  Py_DECREF(event);
  return nullptr;
}

PyObject* ready_send(PyObject* self, PyObject*) { return ready_next(self); }

// throw(type[, value[, traceback]]) and throw(exception), as of a coroutine that has not started.
PyObject* ready_throw(PyObject* self, PyObject* args) {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  if (!PyArg_UnpackTuple(args, "throw", 1, 3, &type, &value, &traceback)) return nullptr;
  Py_CLEAR(ready_in(self).event);
  if (PyExceptionInstance_Check(type)) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(type)), type);
  } else {
    PyErr_SetObject(type, value);
  }
  return nullptr;
}

PyObject* ready_close(PyObject* self, PyObject*) {
  Py_CLEAR(ready_in(self).event);
  Py_RETURN_NONE;
}

PyTypeObject* make_ready_type() {
  static constexpr destructor kDestroy = [](PyObject* self) {
    PyObject_GC_UnTrack(self);
    Py_CLEAR(ready_in(self).event);
    free_object(self);
  };
  static constexpr traverseproc kTraverse = [](PyObject* self, visitproc visit, void* arg) -> int {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(ready_in(self).event);
    return 0;
  };
  static constexpr inquiry kClear = [](PyObject* self) -> int {
    Py_CLEAR(ready_in(self).event);
    return 0;
  };
  static PyMethodDef methods[] = {
      {"send", ready_send, METH_O, nullptr},
      {"throw", ready_throw, METH_VARARGS, nullptr},
      {"close", ready_close, METH_NOARGS, nullptr},
      {nullptr, nullptr, 0, nullptr},
  };
  PyType_Slot slots[] = {
      {Py_tp_dealloc, slot(kDestroy)}, {Py_tp_traverse, slot(kTraverse)},
      {Py_tp_clear, slot(kClear)},     {Py_am_await, slot(itself)},
      {Py_tp_iter, slot(itself)},      {Py_tp_iternext, slot(ready_next)},
      {Py_tp_methods, methods},        {0, nullptr},
  };
  PyType_Spec spec = {"pychat._pychat.ReadyEvent", sizeof(Ready), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
  return make_type(spec);
}

struct Iterator {
  PyObject_HEAD PyObject* batch;  // a list; null before the first
  Py_ssize_t next;                // the index of the next event
  PyObject* ready;                // reused while nobody else has it
};

Iterator& iterator_in(PyObject* self) { return *reinterpret_cast<Iterator*>(self); }

Py_ssize_t events_left(const Iterator& iterator) {
  return iterator.batch == nullptr ? 0 : PyList_GET_SIZE(iterator.batch) - iterator.next;
}

// Removes the next event, which the caller then owns. There must be one.
PyObject* take_next(Iterator& iterator) {
  PyObject* event = PyList_GET_ITEM(iterator.batch, iterator.next);
  // The list is this object's own, so nobody sees that the event is released with the caller.
  Py_INCREF(Py_None);
  PyList_SET_ITEM(iterator.batch, iterator.next, Py_None);
  ++iterator.next;
  return event;
}

PyObject* next_async(PyObject* self) {
  Iterator& iterator = iterator_in(self);
  if (events_left(iterator) <= 0) return PyObject_CallMethod(self, "_next_async", nullptr);
  PyObject* ready = iterator.ready;
  if (ready == nullptr || Py_REFCNT(ready) > 1) {
    ready = ready_type->tp_alloc(ready_type, 0);
    if (ready == nullptr) return nullptr;
    Py_XDECREF(std::exchange(iterator.ready, ready));
  }
  Py_XDECREF(std::exchange(ready_in(ready).event, take_next(iterator)));
  Py_INCREF(ready);
  return ready;
}

PyObject* next_event(PyObject* self) {
  Iterator& iterator = iterator_in(self);
  if (events_left(iterator) <= 0) return PyObject_CallMethod(self, "_next", nullptr);
  return take_next(iterator);
}

PyObject* put_batch(PyObject* self, PyObject* events) {
  if (!PyList_CheckExact(events)) {
    PyErr_SetString(PyExc_TypeError, "a batch is a list");
    return nullptr;
  }
  Iterator& iterator = iterator_in(self);
  Py_INCREF(events);
  iterator.next = 0;
  Py_XDECREF(std::exchange(iterator.batch, events));
  Py_RETURN_NONE;
}

PyObject* take_batch(PyObject* self, PyObject*) {
  Iterator& iterator = iterator_in(self);
  if (events_left(iterator) <= 0) return PyList_New(0);
  PyObject* batch = std::exchange(iterator.batch, nullptr);
  PyObject* events = batch;
  if (iterator.next > 0) {
    events = PyList_GetSlice(batch, iterator.next, PyList_GET_SIZE(batch));
    Py_DECREF(batch);
  }
  return events;
}

PyObject* count_left(PyObject* self, PyObject*) { return PyLong_FromSsize_t(events_left(iterator_in(self))); }

int clear_iterator(PyObject* self) {
  Py_CLEAR(iterator_in(self).batch);
  Py_CLEAR(iterator_in(self).ready);
  return 0;
}

PyTypeObject* make_iterator_type() {
  static constexpr destructor kDestroy = [](PyObject* self) {
    PyObject_GC_UnTrack(self);
    clear_iterator(self);
    free_object(self);
  };
  static constexpr traverseproc kTraverse = [](PyObject* self, visitproc visit, void* arg) -> int {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(iterator_in(self).batch);
    Py_VISIT(iterator_in(self).ready);
    return 0;
  };
  static PyMethodDef methods[] = {
      {"_put_batch", put_batch, METH_O, nullptr},
      {"_take_batch", take_batch, METH_NOARGS, nullptr},
      {"_count_left", count_left, METH_NOARGS, nullptr},
      {nullptr, nullptr, 0, nullptr},
  };
  static char documentation[] = "Iterates over batches of events. A subclass gets them in _next() and _next_async().";
  PyType_Slot slots[] = {
      {Py_tp_doc, documentation},        {Py_tp_dealloc, slot(kDestroy)},
      {Py_tp_traverse, slot(kTraverse)}, {Py_tp_clear, slot(clear_iterator)},
      {Py_tp_iter, slot(itself)},        {Py_tp_iternext, slot(next_event)},
      {Py_am_aiter, slot(itself)},       {Py_am_anext, slot(next_async)},
      {Py_tp_methods, methods},          {0, nullptr},
  };
  PyType_Spec spec = {"pychat._pychat.EventIterator", sizeof(Iterator), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  return make_type(spec);
}

}  // namespace

void define_event_iterator(py::module_& module) {
  ready_type = make_ready_type();
  module.attr("EventIterator") = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(make_iterator_type()));
}

}  // namespace pychat
