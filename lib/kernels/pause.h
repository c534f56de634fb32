/* SPDX-License-Identifier: BSD-2-Clause
 * One turn of a loop that waits for another thread. */
#ifndef CZ_KERNELS_PAUSE_H
#define CZ_KERNELS_PAUSE_H

/** Tells the processor that this is such a loop: it waits some tens of cycles, and leaves its shared parts to others.
 */
static inline void cz_pause(void) {
#if defined(__GNUC__) && defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__GNUC__) && defined(__aarch64__)
    __asm__ volatile("isb"); /* `yield` does nothing on most processors */
#endif
}

#endif
