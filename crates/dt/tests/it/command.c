/* A command in C, as small as one can be that uses the platform's library: it draws, asserts and calls a member. */
#include <dlfcn.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    void *library = dlopen("/usr/lib/libvoidstar.so", RTLD_NOW);
    if (!library) return 1;
    uint64_t (*draw)(void) = (uint64_t (*)(void))dlsym(library, "fuzz_get_random");
    void (*json)(const char *, size_t) = (void (*)(const char *, size_t))dlsym(library, "fuzz_json_data");
    if (!draw || !json) return 2;
    printf("%016llx %016llx\n", (unsigned long long)draw(), (unsigned long long)draw());
    fflush(stdout);
    if (fork() == 0) {
        printf("child %016llx\n", (unsigned long long)draw());
        return 0;
    }
    wait(0);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = 0;
    int reached = 0;
    if (getaddrinfo("store", "2379", &hints, &found) == 0) {
        int s = socket(found->ai_family, SOCK_STREAM, 0);
        reached = connect(s, found->ai_addr, found->ai_addrlen) == 0;
    }
    char record[512];
    snprintf(record, sizeof record,
             "{\"antithesis_assert\":{\"display_type\":\"Always\",\"condition\":%s,\"message\":"
             "\"The store is reached by its name\",\"hit\":true,\"details\":{}}}",
             reached ? "true" : "false");
    json(record, strlen(record));
    return 0;
}
