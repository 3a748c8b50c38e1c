// Writes to stdout and stderr, one process each, what can be told from SEED and the place alone, and keeps a ledger of what write(2) took, until it is told that it is enough; nothing before it is told to begin. Exits with 3.
//
//   bookkeeper LEDGER SEED
//
// LEDGER is a file of seven words of 64 bits, shared with whoever reads it: begin; enough; our process id; of stdout how many bytes were tried, and how many taken; the same of stderr. When we are killed in a write, what the pipe
// took lies between the two.
//
// Each stream is records of 32 bytes: "out " or "err ", the record's offset in its stream in 16 hex digits, and 12 bytes of noise. Writes begin and end anywhere in them.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BEGIN, ENOUGH, PROCESS, TRIED, TAKEN, WORDS = 7 };
enum { RECORD = 32, MOST_AT_ONCE = 192 << 10 };
// Of one stream: a test that hangs fills no disk.
static const uint64_t MOST = 64 << 20;

static _Atomic uint64_t *ledger;
static uint32_t seed;

// The last step of MurmurHash3, by Austin Appleby (public domain).
static uint32_t mixed(uint32_t word) {
  word = (word ^ (word >> 16)) * 0x85ebca6b;
  word = (word ^ (word >> 13)) * 0xc2b2ae35;
  return word ^ (word >> 16);
}

static void make_record(int stream, uint64_t index, char record[RECORD]) {
  char head[21];
  snprintf(head, sizeof head, "%s%016llx", stream == 0 ? "out " : "err ", (unsigned long long)index * RECORD);
  memcpy(record, head, 20);
  for (uint32_t word = 0; word < 3; word += 1) {
    uint32_t noise = mixed(seed + (uint32_t)stream * 0x9e3779b9u + (uint32_t)index * 3 + word);
    memcpy(record + 20 + 4 * word, &noise, 4);
  }
}

static void make_bytes(int stream, uint64_t from, size_t count, char *bytes) {
  for (size_t at = 0; at < count;) {
    char record[RECORD];
    make_record(stream, (from + at) / RECORD, record);
    size_t within = (from + at) % RECORD, length = RECORD - within;
    if (length > count - at) length = count - at;
    memcpy(bytes + at, record + within, length);
    at += length;
  }
}

static uint32_t chance;

static uint32_t next_random(void) {
  return mixed(chance += 0x6d2b79f5);
}

// Mostly lines, now and then more than a pipe holds.
static size_t next_length(void) {
  uint32_t kind = next_random() % 64;
  return 1 + next_random() % (kind < 40 ? 200 : kind < 63 ? 4096 : MOST_AT_ONCE);
}

static void pour(int stream) {
  static char bytes[MOST_AT_ONCE];
  chance = seed + (uint32_t)stream;
  _Atomic uint64_t *tried = &ledger[TRIED + 2 * stream], *taken = &ledger[TAKEN + 2 * stream];
  for (uint64_t at = 0; atomic_load(&ledger[ENOUGH]) == 0;) {
    if (at < MOST) {
      size_t length = next_length();
      make_bytes(stream, at, length, bytes);
      atomic_store(tried, at + length);
      ssize_t written = write(stream + 1, bytes, length);
      if (written < 0 && errno != EINTR) _exit(9);
      if (written > 0) atomic_store(taken, at += (uint64_t)written);
      atomic_store(tried, at);
    }
    if (at >= MOST || next_random() % 2 == 0) usleep(next_random() % 8000);
  }
}

int main(int count, char **words) {
  if (count != 3) return 2;
  int file = open(words[1], O_RDWR | O_CLOEXEC);
  ledger = file < 0 ? MAP_FAILED : mmap(NULL, WORDS * sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (ledger == MAP_FAILED) return 8;
  seed = (uint32_t)strtoul(words[2], NULL, 10);
  atomic_store(&ledger[PROCESS], (uint64_t)getpid());
  while (atomic_load(&ledger[BEGIN]) == 0) usleep(1000);
  pid_t child = fork();
  if (child < 0) return 8;
  pour(child == 0);
  if (child == 0) _exit(0);
  // Our exit ends the job, and what the other one still had to write.
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0 ? 3 : 9;
}
