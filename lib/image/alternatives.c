/* SPDX-License-Identifier: BSD-2-Clause
 * Other colourings of a photograph: a beam search over hints, place after place, each the one where most is open, each
 * with the colours that are probable there; the network, shown them, makes the rest agree. */
#include "image/alternatives.h"

#include <math.h>
#include <string.h>

enum {
    DEPTH = COLORIZER_ALTERNATIVE_HINTS,
    BRANCHES = 3,                           /* colours tried at a place */
    WIDTH = 2 * COLORIZER_MAX_ALTERNATIVES, /* colourings looked at in a step */
    SAMPLES = 256,                          /* places that may be chosen */
    BLOCKS = 8                              /* on a side, in which colourings are compared */
};
#define HINT_RADIUS  3.5   /* working pixels */
#define LEAST_LIKELY 0.04f /* a colour that is tried */
#define LEAST_APART  4.0   /* mean distance in a, b of two colourings that are not the same */

/** A colouring: the hints that lead to it, and what came of them. */
typedef struct {
    double probability, arrival; /* of the colours chosen; when it comes first in the draw of the seed */
    cz_spot chosen[DEPTH];
    size_t n_chosen;
    size_t x, y; /* the next place, in cells */
    cz_mode next[BRANCHES];
    size_t n_next;
    float mean[BLOCKS * BLOCKS][2];
} colouring;

/** A colouring and the colour that it goes on with. */
typedef struct {
    const colouring *from;
    size_t mode;
    double probability, arrival;
} branch;

typedef struct {
    cz_pipeline *p;
    const cz_settings *settings;
    uint64_t seed, drawn;
    size_t wanted;
    size_t runs, most_runs;
    float *ab, *confidence;
    cz_spot *spots;                                      /* [COLORIZER_MAX_HINTS] */
    colouring *now, *next;                               /* [WIDTH] */
    float *axis[CZ_SPREAD_AXES], *open, *taken, *unused; /* [SAMPLES] */
    size_t *sample;                                      /* [SAMPLES]: cells */
    cz_spread *spread;                                   /* [SAMPLES] */
    size_t n_samples;
} search;

static bool lay_out(const cz_grid *g, search *s, unsigned char *base, size_t *end) {
    const size_t cells = (size_t)g->cw * g->ch;
    size_t at[8];
    *end = 0;
    if (!cz_layout(end, 2 * cells, sizeof(float), &at[0]) || !cz_layout(end, cells, sizeof(float), &at[1]) ||
        !cz_layout(end, COLORIZER_MAX_HINTS, sizeof(cz_spot), &at[2]) ||
        !cz_layout(end, WIDTH, sizeof(colouring), &at[3]) || !cz_layout(end, WIDTH, sizeof(colouring), &at[4]) ||
        !cz_layout(end, (CZ_SPREAD_AXES + 3) * (size_t)SAMPLES, sizeof(float), &at[5]) ||
        !cz_layout(end, SAMPLES, sizeof(size_t), &at[6]) || !cz_layout(end, SAMPLES, sizeof(cz_spread), &at[7]))
        return false;
    if (base == NULL) return true;
    s->ab = (float *)(void *)(base + at[0]);
    s->confidence = (float *)(void *)(base + at[1]);
    s->spots = (cz_spot *)(void *)(base + at[2]);
    s->now = (colouring *)(void *)(base + at[3]);
    s->next = (colouring *)(void *)(base + at[4]);
    for (size_t k = 0; k < CZ_SPREAD_AXES; k++) s->axis[k] = (float *)(void *)(base + at[5]) + k * SAMPLES;
    s->open = s->axis[CZ_SPREAD_AXES - 1] + SAMPLES;
    s->taken = s->open + SAMPLES;
    s->unused = s->taken + SAMPLES;
    s->sample = (size_t *)(void *)(base + at[6]);
    s->spread = (cz_spread *)(void *)(base + at[7]);
    return true;
}

bool cz_alternatives_bytes(const cz_grid *g, size_t *bytes) { return lay_out(g, NULL, NULL, bytes); }

/* ---------------------------------------------------------------- chance */

/** Number `counter` of a sequence that the seed names: Steele, Lea, Flood, "Fast splittable pseudorandom number
 *  generators", 2014. 0 <= u < 1, 24 bits. */
static double uniform(uint64_t seed, uint64_t counter) {
    uint64_t z = seed + counter * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 40) / 16777216.0;
}

/** A waiting time of mean 1, by comparisons alone: von Neumann, "Various techniques used in connection with random
 *  digits", 1951. The first of a falling run is right when the run's length is odd. */
static double waiting_time(search *s) {
    for (double whole = 0;; whole += 1) {
        const double first = uniform(s->seed, ++s->drawn);
        double last = first;
        bool odd = true;
        for (;; odd = !odd) {
            const double u = uniform(s->seed, ++s->drawn);
            if (u >= last) break;
            last = u;
        }
        if (odd) return whole + first;
    }
}

/* ---------------------------------------------------------------- a colouring */

static int32_t report(void *user, float done) {
    const search *s = user;
    if (s->settings->progress == NULL) return 0;
    const float share = ((float)s->runs + done) / (float)s->most_runs;
    return s->settings->progress(s->settings->progress_user, share < 1 ? share : 1.0f);
}

/** The cells that hold pixels, thinned out to SAMPLES at most. */
static void take_samples(search *s) {
    const cz_grid *g = &s->p->job.grid;
    const size_t w = cz_ceil_div(g->w, g->cell), h = cz_ceil_div(g->h, g->cell);
    size_t step = 1;
    while (cz_ceil_div(w, step) * cz_ceil_div(h, step) > SAMPLES) step++;
    s->n_samples = 0;
    for (size_t y = step / 2; y < h; y += step)
        for (size_t x = step / 2; x < w; x += step) s->sample[s->n_samples++] = y * g->cw + x;
}

/** Finds the sample where most is open: that many samples like it are unsure, and no hint is like it. k is how alike
 * two places are, as in cz_spread_hints. @return false when nothing is open. */
static bool most_open(search *s, const cz_spot *spots, size_t count, size_t *cell) {
    const cz_pipeline *p = s->p;
    const cz_grid *g = &p->job.grid;
    float at[CZ_SPREAD_AXES], best = 0;
    for (size_t i = 0; i < s->n_samples; i++) {
        cz_place_cell(g, p->light, s->ab, s->sample[i] % g->cw, s->sample[i] / g->cw, s->spread[i].at);
        for (size_t k = 0; k < CZ_SPREAD_AXES; k++) s->axis[k][i] = s->spread[i].at[k];
        s->spread[i].a = (1.0f - s->confidence[s->sample[i]]) / SAMPLES;
        s->spread[i].b = s->open[i] = s->taken[i] = s->unused[i] = 0;
    }
    const float *const *axis = (const float *const *)s->axis;
    p->job.k->spread(s->spread, s->n_samples, axis, s->n_samples, s->open, s->unused);
    for (size_t i = 0; i < count; i++) {
        const double x = spots[i].x + 0.5 * spots[i].dx, y = spots[i].y + 0.5 * spots[i].dy;
        cz_spread one = {.a = 1};
        cz_place_cell(g, p->light, s->ab, cz_min((size_t)(x / g->cell), g->cw - 1),
                      cz_min((size_t)(y / g->cell), g->ch - 1), at);
        memcpy(one.at, at, sizeof at);
        p->job.k->spread(&one, 1, axis, s->n_samples, s->taken, s->unused);
    }
    for (size_t i = 0; i < s->n_samples; i++) {
        const float value = s->taken[i] < 1.0f ? s->open[i] * (1.0f - s->taken[i]) : 0.0f;
        if (!(value > best)) continue;
        best = value;
        *cell = s->sample[i];
    }
    return best > 0;
}

/** The mean chroma of blocks of cells; those of a narrow photograph may be empty. */
static void summarize(const search *s, colouring *c) {
    const cz_grid *g = &s->p->job.grid;
    const size_t w = cz_ceil_div(g->w, g->cell), h = cz_ceil_div(g->h, g->cell), cells = (size_t)g->cw * g->ch;
    uint32_t count[BLOCKS * BLOCKS] = {0};
    memset(c->mean, 0, sizeof c->mean);
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            const size_t block = y * BLOCKS / h * BLOCKS + x * BLOCKS / w, i = y * g->cw + x;
            c->mean[block][0] += s->ab[i];
            c->mean[block][1] += s->ab[cells + i];
            count[block]++;
        }
    for (size_t i = 0; i < BLOCKS * BLOCKS; i++)
        for (size_t k = 0; k < 2 && count[i] > 0; k++) c->mean[i][k] /= (float)count[i];
}

static double distance(const colouring *one, const colouring *other) {
    double sum = 0;
    for (size_t i = 0; i < BLOCKS * BLOCKS; i++) {
        const double a = (double)(one->mean[i][0] - other->mean[i][0]),
                     b = (double)(one->mean[i][1] - other->mean[i][1]);
        sum += sqrt(a * a + b * b);
    }
    return sum / (BLOCKS * BLOCKS);
}

/** Runs the network with the user's hints and the colouring's own. Learns what it looks like, and what may be next. */
static bool colour(search *s, colouring *c) {
    cz_pipeline *p = s->p;
    const cz_color_job *job = &p->job;
    const size_t own = p->touches.n_spots, count = own + c->n_chosen;
    cz_chroma_in in;
    size_t cell = 0;
    memcpy(s->spots, p->spots, own * sizeof *s->spots);
    memcpy(s->spots + own, c->chosen, c->n_chosen * sizeof *s->spots);
    if (!cz_pipeline_infer(p, s->settings, s->spots, count, report, s, &in) ||
        !cz_chroma(job, &in, s->ab, s->confidence))
        return false;
    s->runs++;
    c->n_next = 0;
    if (c->n_chosen < DEPTH && count < COLORIZER_MAX_HINTS && most_open(s, s->spots, count, &cell))
        c->n_next = cz_modes(&in, cell, c->next, BRANCHES);
    while (c->n_next > 1 && c->next[c->n_next - 1].probability < LEAST_LIKELY) c->n_next--; /* they do not rise */
    c->x = cell % job->grid.cw;
    c->y = cell / job->grid.cw;
    /* The hints' work takes the place of the logits. */
    if (!cz_spread_hints(job, p->light, s->spots, count, s->ab, (float *)(void *)p->transient)) return false;
    summarize(s, c);
    return true;
}

/* ---------------------------------------------------------------- the search */

/** The branches of a colouring. With a seed they arrive in the order of a draw without replacement (Kool, van Hoof,
 *  Welling, "Stochastic beams and where to find them", 2019, with times in place of their logarithms): the first when
 * the colouring does, the others as much later as their own times are. */
static size_t branch_out(search *s, const colouring *c, branch *out) {
    double first = 0;
    for (size_t i = 0; i < c->n_next; i++) {
        out[i] = (branch){.from = c, .mode = i, .probability = c->probability * (double)c->next[i].probability};
        out[i].arrival = s->seed == 0 ? -out[i].probability : waiting_time(s) / out[i].probability;
        if (i == 0 || out[i].arrival < first) first = out[i].arrival;
    }
    for (size_t i = 0; i < c->n_next && s->seed != 0; i++) out[i].arrival += c->arrival - first;
    return c->n_next;
}

static void follow(const search *s, const branch *b, colouring *c) {
    const cz_grid *g = &s->p->job.grid;
    const colouring *from = b->from;
    const cz_mode *mode = &from->next[b->mode];
    const double cell = g->cell, x = ((double)from->x + 0.5) * cell, y = ((double)from->y + 0.5) * cell;
    *c = (colouring){.probability = b->probability, .arrival = b->arrival, .n_chosen = from->n_chosen + 1};
    memcpy(c->chosen, from->chosen, sizeof c->chosen);
    c->chosen[from->n_chosen] = (cz_spot){.x = x < g->w ? x : g->w - 0.5,
                                          .y = y < g->h ? y : g->h - 0.5,
                                          .rx = HINT_RADIUS,
                                          .ry = HINT_RADIUS,
                                          .a = mode->a,
                                          .b = mode->b,
                                          .held_a = mode->a,
                                          .held_b = mode->b,
                                          .weight = 1.0f};
}

/** Keeps of `n` colourings, in their order, the first `wanted` that differ from each other. */
static size_t distinct(search *s, colouring *c, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n && kept < s->wanted; i++) {
        bool other = true;
        for (size_t k = 0; k < kept; k++) other = other && distance(&c[i], &c[k]) >= LEAST_APART;
        if (!other) continue;
        if (kept != i) c[kept] = c[i];
        kept++;
    }
    return kept;
}

/** One place more in each of the `n` colourings. */
static bool step(search *s, size_t *n) {
    branch open[COLORIZER_MAX_ALTERNATIVES * BRANCHES];
    size_t count = 0, taken = 0;
    for (size_t i = 0; i < *n; i++) count += branch_out(s, &s->now[i], open + count);
    for (; taken < count && taken < 2 * s->wanted; taken++) {
        size_t first = taken;
        for (size_t i = taken + 1; i < count; i++)
            if (open[i].arrival < open[first].arrival) first = i;
        const branch b = open[first];
        memmove(open + taken + 1, open + taken, (first - taken) * sizeof *open); /* what is equal keeps its order */
        open[taken] = b;
        follow(s, &b, &s->next[taken]);
        if (!colour(s, &s->next[taken])) return false;
    }
    if (taken == 0) return true; /* nothing is open: they stay as they are */
    colouring *old = s->now;
    s->now = s->next;
    s->next = old;
    *n = distinct(s, s->now, taken);
    return true;
}

static void hint_of(const cz_grid *g, const cz_spot *spot, colorizer_hint *h) {
    const double sx = (double)g->width / g->w, sy = (double)g->height / g->h;
    *h = (colorizer_hint){.x = (float)(spot->x * sx),
                          .y = (float)(spot->y * sy),
                          .radius = (float)(HINT_RADIUS * sx),
                          .space = COLORIZER_HINT_AB,
                          .a = spot->a,
                          .b = spot->b};
}

/** The colourings, the most probable first. */
static void hand_over(search *s, size_t n, float *probability, colorizer_hint *hints) {
    for (size_t i = 0; i < n; i++) {
        size_t best = n;
        for (size_t k = 0; k < n; k++)
            if (s->now[k].probability >= 0 && (best == n || s->now[k].probability > s->now[best].probability)) best = k;
        colouring *c = &s->now[best];
        probability[i] = (float)c->probability;
        c->probability = -1; /* taken */
        for (size_t k = 0; k < DEPTH; k++) {
            hints[i * DEPTH + k] = (colorizer_hint){.x = -1, .y = -1};
            if (k < c->n_chosen) hint_of(&s->p->job.grid, &c->chosen[k], &hints[i * DEPTH + k]);
        }
    }
}

bool cz_alternatives(cz_pipeline *p, const cz_settings *settings, uint64_t seed, size_t wanted, void *memory,
                     float *probability, colorizer_hint *hints, size_t *count) {
    size_t bytes, n = 1;
    search s = {.p = p, .settings = settings, .seed = seed, .wanted = wanted};
    s.most_runs = 1 + BRANCHES + (DEPTH - 1) * 2 * wanted;
    *count = 0;
    if (!lay_out(&p->job.grid, &s, memory, &bytes)) return false; /* never: the memory was laid out by the same calls */
    take_samples(&s);
    s.now[0] = (colouring){.probability = 1};
    if (!colour(&s, &s.now[0])) return false;
    for (size_t i = 0; i < DEPTH; i++)
        if (!step(&s, &n)) return false;
    s.runs = s.most_runs;
    if (report(&s, 0) != 0) return false;
    hand_over(&s, n, probability, hints);
    *count = n;
    return true;
}
