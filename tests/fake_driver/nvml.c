// An NVML without a GPU. What it says stands in the file that FAKE_NVML names, a line each, read anew at every call:
//   used GPU BYTES, mhz GPU N, reasons GPU BITS, energy GPU MILLIJOULES (without it: 1500 more at each reading),
//   watts GPU N (and the energy follows from the time), uses GPU PID BYTES (while that process lives),
//   process GPU PID BYTES, rows 32 1 (rows of 32 bytes, as the first drivers of R535 have), error GPU CODE,
//   mig GPU (only a part of it is visible).
// GPU is the number that NVML gives; UUIDs are those of the fake driver.
#define _GNU_SOURCE  // kill
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned long long u64;
static u64 energy[4] = {5000, 105000, 205000, 305000};

static int lines(const char *key, int gpu, u64 values[][2], int most) {
  const char *path = getenv("FAKE_NVML");
  FILE *file = path ? fopen(path, "r") : NULL;
  char line[256], name[32];
  int found = 0;
  if (!file) return 0;
  while (found < most && fgets(line, sizeof line, file)) {
    int number = 0;
    u64 a = 0, b = 0;
    int read = sscanf(line, "%31s %d %llu %llu", name, &number, &a, &b);
    if (read >= 1 && !strcmp(name, key) && number == gpu) {
      values[found][0] = a;
      values[found++][1] = b;
    }
  }
  fclose(file);
  return found;
}

static u64 value(const char *key, int gpu, u64 otherwise) {
  u64 found[1][2];
  return lines(key, gpu, found, 1) ? found[0][0] : otherwise;
}

// Handles: 1 + GPU, 101 + GPU for its part.
static int gpu_of(void *handle) { return ((int)(size_t)handle - 1) % 100; }
static int part(void *handle) { return (size_t)handle > 100; }
static int trouble(void *handle) { return (int)value("error", gpu_of(handle), 0); }

int nvmlInit_v2(void) { return 0; }
int nvmlInitWithFlags(unsigned flags) { return flags != 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetUUID(void *handle, char *text, unsigned length) {
  snprintf(text, length, "GPU-a%d000000-0000-0000-0000-000000000000", gpu_of(handle));
  return 0;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle) {
  for (int gpu = 0; gpu < 4; ++gpu) {
    char text[64];
    u64 ignored[1][2];
    int mig = lines("mig", gpu, ignored, 1);
    snprintf(text, sizeof text, "%s-a%d000000-0000-0000-0000-000000000000", mig ? "MIG" : "GPU", gpu);
    if (!strcmp(text, uuid)) {
      *handle = (void *)(size_t)(gpu + (mig ? 101 : 1));
      return 0;
    }
  }
  return 6;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned gpu, void **handle) {
  *handle = (void *)(size_t)(gpu + 1);
  return gpu < 4 ? 0 : 6;
}
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(void *handle, void **whole) {
  *whole = (void *)((size_t)handle - 100);
  return part(handle) ? 0 : 2;
}
int nvmlDeviceGetTotalEnergyConsumption(void *handle, u64 *mj) {
  if (part(handle)) return 3;
  *mj = value("energy", gpu_of(handle), 0);
  u64 watts = value("watts", gpu_of(handle), 0);
  if (watts) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *mj = watts * (1000ull * (u64)now.tv_sec + (u64)now.tv_nsec / 1000000ull);
  }
  if (!*mj) *mj = energy[gpu_of(handle)] += 1500;
  return trouble(handle);
}
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *celsius) {
  (void)sensor;
  *celsius = 61 + 10 * gpu_of(handle);
  return part(handle) ? 3 : trouble(handle);
}
int nvmlDeviceGetClockInfo(void *handle, int clock, unsigned *mhz) {
  (void)clock;
  *mhz = (unsigned)value("mhz", gpu_of(handle), 1410);
  return part(handle) ? 3 : trouble(handle);
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, u64 *reasons) {
  *reasons = value("reasons", gpu_of(handle), 0);
  return part(handle) ? 3 : trouble(handle);
}
#ifndef FAKE_OLD_DRIVER
int nvmlDeviceGetCurrentClocksEventReasons(void *handle, u64 *reasons) {
  return nvmlDeviceGetCurrentClocksThrottleReasons(handle, reasons);
}
#endif
int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, char *rows) {
  u64 found[16][2];
  unsigned n = (unsigned)lines("process", gpu_of(handle), found, 16);
  u64 users[16][2];
  int living = lines("uses", gpu_of(handle), users, 16);
  for (int i = 0; i < living && n < 16; ++i) {
    if (kill((pid_t)users[i][0], 0) != 0) continue;
    found[n][0] = users[i][0];
    found[n++][1] = users[i][1];
  }
  size_t size = value("rows", 32, 0) ? 32 : 24;
  unsigned room = *count;
  *count = n;
  if (trouble(handle)) return trouble(handle);
  if (room < n) return 7;
  memset(rows, 0, n * size);
  for (unsigned i = 0; i < n; ++i) {
    memcpy(rows + i * size, &found[i][0], 4);
    memcpy(rows + i * size + 8, &found[i][1], 8);
    memset(rows + i * size + 16, 0xff, 8);  // no instances
  }
  return 0;
}
int nvmlDeviceGetMemoryInfo(void *handle, u64 *memory) {
  memory[0] = 80000000000ull;
  memory[2] = value("used", gpu_of(handle), 100000000);
  memory[1] = memory[0] - memory[2];
  return trouble(handle);
}
int nvmlSystemGetDriverVersion(char *text, unsigned length) {
  snprintf(text, length, "580.1");
  return 0;
}
const char *nvmlErrorString(int code) { return code == 15 ? "GPU is lost" : "made up"; }
