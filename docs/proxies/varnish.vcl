vcl 4.1;

# Varnish before chatd, with hitch in front for TLS (hitch.conf): one chatd at 127.0.0.1:3000, started with --trusted-proxy
# 127.0.0.1. On Debian this goes to /etc/varnish/default.vcl; varnishd listens with -a 127.0.0.1:6086,PROXY and
# -p pipe_timeout=60. docs/deployment.md explains it, tests/js/proxies.test.mjs runs it.

backend chatd {
  .host = "127.0.0.1";
  .port = "3000";
  # Above --ping-interval-ms (25 s): a long poll is answered by then. For WebSockets it is -p pipe_timeout.
  .first_byte_timeout = 60s;
  .between_bytes_timeout = 60s;
}

sub vcl_recv {
  # The Origin check compares with this host. The headers that a client sends about its address are replaced; hitch passes the real address.
  set req.http.X-Forwarded-For = client.ip;
  set req.http.X-Forwarded-Proto = "https";
  set req.http.X-Forwarded-Host = req.http.Host;
  unset req.http.Forwarded;

  # The counters are not public, however their letters are encoded.
  if (req.url ~ "^/+(talk/+)?metrics/*($|\?)" || req.url ~ "^[^?]*%[4-7]") {
    return (synth(404));
  }

  # The same below a prefix, which chatd never sees: the page at /talk/, wss://chat.example.org/talk/chat, and for Socket.IO
  # io("https://chat.example.org", { path: "/talk/socket.io" }).
  if (req.url ~ "^/talk($|\?)") {
    return (synth(301));
  }
  set req.url = regsub(req.url, "^/talk/", "/");

  if (req.http.Upgrade ~ "(?i)websocket") {
    return (pipe);
  }
  # Chat responses are not cached.
  return (pass);
}

sub vcl_pipe {
  set bereq.http.Upgrade = req.http.Upgrade;
  set bereq.http.Connection = req.http.Connection;
}

sub vcl_synth {
  if (resp.status == 301) {
    set resp.http.Location = "/talk/";
    return (deliver);
  }
}
