/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/pool.h"

#if defined(CZ_THREADS)

#include <pthread.h>
#include <stdatomic.h>

#include "kernels/pause.h"

/** Turns of looking for new work before a thread sleeps. Waking a sleeping thread costs tens of microseconds, as much
 * as a small step of a network takes; this many turns last about 100 of them. */
#define SPINS 4000

/* The state: workers that are in the job, its number, and whether more may come in. A job is over when the caller has
 * found no index left and every worker that came in has gone: one that slept, or that the system gave no processor, is
 * not waited for, and finds the door closed when it comes. */
#define INSIDE 0xFFu /* mask */
#define NUMBER (0x7FFFFFu << 8)
#define ONE    (1u << 8) /* added to the number */
#define OPEN   (1u << 31)

struct cz_pool {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    atomic_uint state;
    atomic_uint next;  /* next index of the job to be taken */
    bool stop;         /* under lock */
    uint32_t sleeping; /* under lock */
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

static bool is_news(unsigned state, unsigned seen) { return (state & OPEN) && (state & NUMBER) != seen; }

/** Goes into the job, if there is one other than `*seen` and it is open. */
static bool enter(cz_pool *p, unsigned *seen) {
    unsigned s = atomic_load(&p->state);
    while (is_news(s, *seen))
        if (atomic_compare_exchange_weak(&p->state, &s, s + 1)) {
            *seen = s & NUMBER;
            return true;
        }
    return false;
}

/** Waits for a job other than `seen`; false when the pool is closing. */
static bool await_job(cz_pool *p, unsigned seen) {
    for (int i = 0; i < SPINS; i++, cz_pause())
        if (is_news(atomic_load_explicit(&p->state, memory_order_relaxed), seen)) return true;
    pthread_mutex_lock(&p->lock);
    p->sleeping++;
    while (!is_news(atomic_load(&p->state), seen) && !p->stop) pthread_cond_wait(&p->work, &p->lock);
    p->sleeping--;
    const bool stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return !stop;
}

static void *worker(void *arg) {
    cz_pool *p = arg;
    for (unsigned seen = 0; await_job(p, seen);) {
        if (!enter(p, &seen)) continue;
        take_indices(p);
        const unsigned before = atomic_fetch_sub(&p->state, 1);
        if ((before & INSIDE) == 1 && !(before & OPEN)) {
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
    atomic_store(&p->next, 0);
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->state, ((atomic_load(&p->state) + ONE) & NUMBER) | OPEN);
    if (p->sleeping > 0) pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    take_indices(p);
    atomic_fetch_and(&p->state, ~OPEN);
    for (int i = 0; i < SPINS; i++, cz_pause())
        if ((atomic_load_explicit(&p->state, memory_order_acquire) & INSIDE) == 0) return;
    pthread_mutex_lock(&p->lock);
    while ((atomic_load(&p->state) & INSIDE) != 0) pthread_cond_wait(&p->done, &p->lock);
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
