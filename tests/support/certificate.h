/*
 * A self-signed certificate for localhost and 127.0.0.1, valid from 2020 to 2120, with its key. For tests of TLS only.
 */
#ifndef TESTS_SUPPORT_CERTIFICATE_H
#define TESTS_SUPPORT_CERTIFICATE_H

#define TEST_CERTIFICATE                                               \
  "-----BEGIN CERTIFICATE-----\n"                                      \
  "MIIBaDCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv\n" \
  "c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM\n" \
  "CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABF9qGhEPLh+B734M\n" \
  "YyCBvaux0J2duIiF4weyZtDOTQWk7IQ9dnRAIIRSSzsCcYuCzZOoH/ymi9PvR9mn\n" \
  "KVVU516jTjBMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0\n" \
  "hwR/AAABMB0GA1UdDgQWBBScmRIOED1C2i+eaNDZ7likrQAmbzAKBggqhkjOPQQD\n" \
  "AgNJADBGAiEAhH2X8SSZSdOHNgpUcx/axq6LJEX3tGQpQaXO5gZdPKoCIQD7GPMT\n" \
  "AL5URTChmXP88upMeKGqADtS5vZajTx+KZ+smg==\n"                         \
  "-----END CERTIFICATE-----\n"

#define TEST_PRIVATE_KEY                                               \
  "-----BEGIN PRIVATE KEY-----\n"                                      \
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9YZpIXaBzB0ZQ6FN\n" \
  "sqjxvSDyX0jC0vVDzxbmL6V68eahRANCAARfahoRDy4fge9+DGMggb2rsdCdnbiI\n" \
  "heMHsmbQzk0FpOyEPXZ0QCCEUks7AnGLgs2TqB/8povT70fZpylVVOde\n"         \
  "-----END PRIVATE KEY-----\n"

/* The private key of another certificate. */
#define TEST_OTHER_PRIVATE_KEY                                         \
  "-----BEGIN PRIVATE KEY-----\n"                                      \
  "MC4CAQAwBQYDK2VwBCIEIIzpuiGX7x3hiFA0q233AmaRHOE1wy4ym/1EMyhwiOtr\n" \
  "-----END PRIVATE KEY-----\n"

#endif /* TESTS_SUPPORT_CERTIFICATE_H */
