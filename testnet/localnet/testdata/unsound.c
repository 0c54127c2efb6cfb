// Has a casper-node deal with its unit files as no sound one does: CASPER_UNSOUND says how.
//   reckless: it takes what it could not write for written
//   swapped:  it goes on, and sends, before it writes
//   layout:   it writes one more byte behind each entry
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef ssize_t (*writer)(int, const void *, size_t);

struct later {
	int fd;
	size_t n;
	struct later *next;
	char bytes[];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct later *first, **last = &first;

static writer real(void) { return (writer)dlsym(RTLD_NEXT, "write"); }

static int is_unit_file(int fd) {
	char link[64], path[512];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return 0;
	path[n] = 0;
	return strstr(path, "/unit_files/unit_") != NULL;
}

static void *work(void *unused) {
	for (;;) {
		pthread_mutex_lock(&mutex);
		while (first == NULL)
			pthread_cond_wait(&more, &mutex);
		struct later *one = first;
		first = one->next;
		if (first == NULL)
			last = &first;
		pthread_mutex_unlock(&mutex);
		real()(one->fd, one->bytes, one->n);
		close(one->fd);
		free(one);
	}
	return unused;
}

static void start(void) {
	pthread_t thread;
	pthread_create(&thread, NULL, work, NULL);
}

static void write_later(int fd, const void *bytes, size_t n) {
	struct later *one = malloc(sizeof *one + n);
	one->fd = dup(fd);
	one->n = n;
	one->next = NULL;
	memcpy(one->bytes, bytes, n);
	pthread_once(&once, start);
	pthread_mutex_lock(&mutex);
	*last = one;
	last = &one->next;
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&mutex);
}

ssize_t write(int fd, const void *bytes, size_t n) {
	const char *how = getenv("CASPER_UNSOUND");
	ssize_t done;
	if (how == NULL || !is_unit_file(fd))
		return real()(fd, bytes, n);
	if (strcmp(how, "swapped") == 0) {
		write_later(fd, bytes, n);
		return n;
	}
	done = real()(fd, bytes, n);
	if (strcmp(how, "reckless") == 0 && done < 0)
		return n;
	if (strcmp(how, "layout") == 0 && done == (ssize_t)n && real()(fd, "", 1) < 0)
		return -1;
	return done;
}
