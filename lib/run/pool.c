/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/pool.h"

#if defined(CZ_THREADS)

#include <pthread.h>
#include <stdatomic.h>

/** Turns of looking for new work before a thread sleeps. The steps of a network follow each other within
 *  microseconds, which is what waking a sleeping thread costs; this many turns last about 20 of them. */
#define SPINS 2000

struct cz_pool {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    atomic_uint job;      /* number of the job; a change is the news of one */
    atomic_uint next;     /* next index of the job to be taken */
    atomic_uint finished; /* workers that are through with the job */
    bool stop;            /* under lock */
    uint32_t sleeping;    /* under lock */
    colorizer_task_fn task;
    void *context;
    uint32_t count;
    uint32_t workers; /* threads beside the caller */
    size_t bytes;     /* of this block */
    pthread_t thread[];
};

static void take_indices(cz_pool *p) {
    for (uint32_t i; (i = atomic_fetch_add(&p->next, 1)) < p->count;) p->task(p->context, i);
}

/** Waits for a job other than `seen`; false when the pool is closing. */
static bool await_job(cz_pool *p, unsigned seen) {
    for (int i = 0; i < SPINS; i++)
        if (atomic_load_explicit(&p->job, memory_order_acquire) != seen) return true;
    pthread_mutex_lock(&p->lock);
    p->sleeping++;
    while (atomic_load(&p->job) == seen && !p->stop) pthread_cond_wait(&p->work, &p->lock);
    p->sleeping--;
    const bool stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return !stop;
}

static void *worker(void *arg) {
    cz_pool *p = arg;
    for (unsigned seen = 0; await_job(p, seen);) {
        seen = atomic_load(&p->job);
        take_indices(p);
        if (atomic_fetch_add(&p->finished, 1) + 1 == p->workers) {
            pthread_mutex_lock(&p->lock); /* so that the caller is either waiting or has yet to look */
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
    }
    return NULL;
}

cz_pool *cz_pool_make(uint32_t threads, const cz_alloc *a) {
    const uint32_t workers = threads - 1;
    const size_t bytes = sizeof(cz_pool) + workers * sizeof(pthread_t);
    cz_pool *p = cz_alloc_get(a, bytes);
    if (p == NULL) return NULL;
    p->bytes = bytes;
    if (pthread_mutex_init(&p->lock, NULL) != 0) goto no_lock;
    if (pthread_cond_init(&p->work, NULL) != 0) goto no_work;
    if (pthread_cond_init(&p->done, NULL) != 0) goto no_done;
    p->workers = workers;
    for (uint32_t i = 0; i < workers; i++) {
        if (pthread_create(&p->thread[i], NULL, worker, p) == 0) continue;
        p->workers = i; /* no job was given yet, so no thread has read it */
        cz_pool_free(p, a);
        return NULL;
    }
    return p;
no_done:
    pthread_cond_destroy(&p->work);
no_work:
    pthread_mutex_destroy(&p->lock);
no_lock:
    cz_alloc_put(a, p, bytes);
    return NULL;
}

void cz_pool_free(cz_pool *p, const cz_alloc *a) {
    if (p == NULL) return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < p->workers; i++) pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    cz_alloc_put(a, p, p->bytes);
}

void cz_pool_run(void *pool, colorizer_task_fn task, void *context, uint32_t count) {
    cz_pool *p = pool;
    p->task = task;
    p->context = context;
    p->count = count;
    atomic_store(&p->finished, 0);
    atomic_store(&p->next, 0);
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add_explicit(&p->job, 1, memory_order_release);
    if (p->sleeping > 0) pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    take_indices(p);
    for (int i = 0; i < SPINS; i++)
        if (atomic_load_explicit(&p->finished, memory_order_acquire) == p->workers) return;
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->finished) != p->workers) pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

#else

cz_pool *cz_pool_make(uint32_t threads, const cz_alloc *a) {
    (void)threads;
    (void)a;
    return NULL;
}

void cz_pool_free(cz_pool *pool, const cz_alloc *a) {
    (void)pool;
    (void)a;
}

void cz_pool_run(void *pool, colorizer_task_fn task, void *context, uint32_t count) {
    (void)pool;
    for (uint32_t i = 0; i < count; i++) task(context, i);
}

#endif
