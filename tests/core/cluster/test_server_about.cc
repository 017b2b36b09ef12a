// What a server tells of itself is read again, and what no server writes is refused.
#include "cluster/server_about.h"

#include "../hub/hub_fixture.h"

using namespace chat;
using namespace chat::test;
using cluster::ServerAbout;

namespace {

ServerAbout full_about() {
  ServerAbout about;
  about.id = "id-1";
  about.handed_over = {"run-1", "run-2"};
  about.clients = 12;
  about.rooms = 3;
  about.waiting = 1;
  about.started_at_ms = 1'764'000'000'000;
  about.pid = 4711;
  about.version = "0.1.0";
  about.host = "a host";
  return about;
}

std::string written(const ServerAbout& about) { return about.id + " " + cluster::about_text(about); }

void what_is_written_is_read_again(void**) {
  const ServerAbout about = full_about();
  assert_text(written(about), "id-1 run-1,run-2 12 3 1 1764000000000 4711 0.1.0 a_host");
  const std::optional<ServerAbout> read = cluster::parse_about(written(about));
  assert_true(read.has_value());
  assert_text(read->id, about.id);
  assert_true(read->handed_over == about.handed_over);
  assert_true(read->clients == 12 && read->rooms == 3 && read->waiting == 1 && read->pid == 4711);
  assert_true(read->started_at_ms == about.started_at_ms);
  assert_text(read->version, "0.1.0");
  assert_text(read->host, "a_host");
}

void what_is_empty_is_read_again(void**) {
  ServerAbout about;
  about.id = "id-1";
  assert_text(written(about), "id-1 - 0 0 0 0 0 - -");
  const std::optional<ServerAbout> read = cluster::parse_about(written(about));
  assert_true(read.has_value() && read->handed_over.empty());
}

void more_words_are_of_a_later_version(void**) {
  assert_true(cluster::parse_about(written(full_about()) + " more words").has_value());
}

void what_no_server_writes_is_refused(void**) {
  for (const char* text : {"", " ", "id", "id -", "id - 1 2 3 4", "id - 1 2 3 4 5 version",
                           "id - x 2 3 4 5 version host", "id - -1 2 3 4 5 version host", " - 1 2 3 4 5 version host",
                           "id - 99999999999999999999 2 3 4 5 version host"}) {
    if (cluster::parse_about(text)) fail_msg("\"%s\" was read", text);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read_again),
      cmocka_unit_test(what_is_empty_is_read_again),
      cmocka_unit_test(more_words_are_of_a_later_version),
      cmocka_unit_test(what_no_server_writes_is_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
