/* SPDX-License-Identifier: BSD-2-Clause
 * Every exported function: checks its arguments, delegates. */
#include <string.h>

#include "api.h"
#include "kernels/isa.h"

/* Layouts that programs are compiled against. */
_Static_assert(sizeof(colorizer_image) == (sizeof(void *) == 8 ? 184 : 168), "colorizer_image");
_Static_assert(offsetof(colorizer_image, data) == 24, "colorizer_image.data");
_Static_assert(offsetof(colorizer_image, stride) == (sizeof(void *) == 8 ? 56 : 40), "colorizer_image.stride");
_Static_assert(offsetof(colorizer_image, size) == (sizeof(void *) == 8 ? 88 : 72), "colorizer_image.size");
_Static_assert(offsetof(colorizer_image, curve) == (sizeof(void *) == 8 ? 120 : 104), "colorizer_image.curve");
_Static_assert(offsetof(colorizer_image, matrix) == (sizeof(void *) == 8 ? 144 : 124), "colorizer_image.matrix");
_Static_assert(sizeof(colorizer_hint) == 52, "colorizer_hint");
_Static_assert(sizeof(colorizer_suggestion) == 28, "colorizer_suggestion");
_Static_assert(sizeof(colorizer_region) == (sizeof(void *) == 8 ? 32 : 24), "colorizer_region");
_Static_assert(sizeof(colorizer_options) == (sizeof(void *) == 8 ? 40 : 28), "colorizer_options");

static _Thread_local cz_error orphan;

cz_error *cz_api_orphan(void) { return &orphan; }

/* ---------------------------------------------------------------- entering a handle */

int32_t cz_api_enter(colorizer *c) {
    if (c == NULL) return cz_fail(&orphan, COLORIZER_E_ARGUMENT, "c: is NULL");
    int free_handle = 0;
    if (!atomic_compare_exchange_strong(&c->busy, &free_handle, 1)) return COLORIZER_E_BUSY;
    return COLORIZER_OK;
}

int32_t cz_api_leave(colorizer *c, int32_t status) {
    if (status != COLORIZER_OK && c->log != NULL) c->log(c->log_user, COLORIZER_LOG_ERROR, c->error.text);
    atomic_store(&c->busy, 0);
    return status;
}

bool cz_api_read(void *own, size_t known, const void *callers, size_t size) {
    const unsigned char *bytes = callers;
    memcpy(own, callers, cz_min(size, known));
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0) return false;
    return true;
}

/* ---------------------------------------------------------------- opening */

/** Copies a caller's options over the defaults and checks them. */
static int32_t read_options(colorizer_options *o, const colorizer_options *options, cz_error *err) {
    *o = (colorizer_options){.struct_size = sizeof *o};
    if (options == NULL) return COLORIZER_OK;
    const uint32_t size = options->struct_size;
    if (size < sizeof size || size > CZ_API_MAX_STRUCT || !cz_api_read(o, sizeof *o, options, size))
        return cz_fail(err, COLORIZER_E_ARGUMENT, "options.struct_size: %u, or fields this library does not know",
                       size);
    if (o->threads < 0 || o->threads > (int32_t)CZ_MAX_THREADS)
        return cz_fail(err, COLORIZER_E_RANGE, "options.threads: %d is not in 0..64", o->threads);
    if ((o->alloc == NULL) != (o->free == NULL))
        return cz_fail(err, COLORIZER_E_ARGUMENT, "options.alloc and options.free: give both or neither");
    if (o->cpu < COLORIZER_CPU_BEST || o->cpu > CZ_CPU_LAST)
        return cz_fail(err, COLORIZER_E_RANGE, "options.cpu: %d is not a COLORIZER_CPU_ constant", o->cpu);
    if (o->reserved != 0) return cz_fail(err, COLORIZER_E_ARGUMENT, "options.reserved: must be 0");
    return COLORIZER_OK;
}

/** The checks of a model in memory; NULL is the built-in one where that is allowed. */
static int32_t read_source(cz_source *source, const void *model, uint64_t size, bool may_be_null, cz_error *err) {
    *source = (cz_source){.bytes = model, .size = (size_t)size, .builtin = model == NULL};
    if (model == NULL) return may_be_null ? COLORIZER_OK : cz_fail(err, COLORIZER_E_ARGUMENT, "model: is NULL");
    if (size > SIZE_MAX) return cz_fail(err, COLORIZER_E_FORMAT, "model_size: does not fit the address space");
    if ((uintptr_t)model % CZ_ALIGN != 0)
        return cz_fail(err, COLORIZER_E_BUFFER, "model: is not aligned to %u bytes", CZ_ALIGN);
    return COLORIZER_OK;
}

static int32_t open_source(colorizer **out, const cz_source *source, const colorizer_options *options) {
    colorizer_options o;
    const int32_t status = read_options(&o, options, &orphan);
    return status == COLORIZER_OK ? cz_handle_open(out, source, &o, NULL, &orphan) : status;
}

int32_t cz_api_open(colorizer **out, const char *path, bool any_graph, const colorizer_options *options) {
    if (out == NULL) return cz_fail(&orphan, COLORIZER_E_ARGUMENT, "out: is NULL");
    *out = NULL;
    return open_source(out, &(cz_source){.path = path, .builtin = path == NULL, .any_graph = any_graph}, options);
}

int32_t cz_api_open_memory(colorizer **out, const void *model, uint64_t model_size, bool any_graph,
                           const colorizer_options *options) {
    cz_source source;
    if (out == NULL) return cz_fail(&orphan, COLORIZER_E_ARGUMENT, "out: is NULL");
    *out = NULL;
    const int32_t status = read_source(&source, model, model_size, false, &orphan);
    source.any_graph = any_graph;
    return status == COLORIZER_OK ? open_source(out, &source, options) : status;
}

int32_t colorizer_open(colorizer **out, const char *model_path, const colorizer_options *options) {
    return cz_api_open(out, model_path, false, options);
}

int32_t colorizer_open_memory(colorizer **out, const void *model, uint64_t model_size,
                              const colorizer_options *options) {
    return cz_api_open_memory(out, model, model_size, false, options);
}

/** A static handle's options: one thread unless said, and no allocator. */
static int32_t read_static_options(colorizer_options *o, const colorizer_options *options, cz_error *err) {
    const int32_t status = read_options(o, options, err);
    if (o->threads == 0) o->threads = 1;
    return status;
}

/** The place of the buffer's own record, at its beginning. */
static size_t buffer_head(void) { return (sizeof(cz_buffer) + CZ_ALIGN - 1) & ~(size_t)(CZ_ALIGN - 1); }

int32_t colorizer_workspace_size(const void *model, uint64_t model_size, const colorizer_options *options,
                                 int32_t width, int32_t height, int32_t working_size, uint64_t *out) {
    cz_source source;
    colorizer_options o;
    colorizer *c;
    cz_buffer counter = {.base = NULL};
    if (out == NULL) return cz_fail(&orphan, COLORIZER_E_ARGUMENT, "out: is NULL");
    *out = 0;
    if (width < 1 || width > COLORIZER_MAX_SIDE || height < 1 || height > COLORIZER_MAX_SIDE)
        return cz_fail(&orphan, COLORIZER_E_IMAGE_SIZE, "width, height: %d x %d", width, height);
    if (working_size != 0 && (working_size < 32 || working_size > 1024))
        return cz_fail(&orphan, COLORIZER_E_RANGE, "working_size: %d is not 0 or 32..1024", working_size);
    int32_t status = read_source(&source, model, model_size, true, &orphan);
    if (status == COLORIZER_OK) status = read_static_options(&o, options, &orphan);
    if (status == COLORIZER_OK) status = cz_handle_open(&c, &source, &o, &counter, &orphan);
    if (status != COLORIZER_OK) return status;
    c->short_side = (uint32_t)working_size;
    status = cz_handle_prepare(c, (uint32_t)width, (uint32_t)height, &orphan);
    cz_handle_close(c);
    if (status == COLORIZER_OK) *out = (uint64_t)buffer_head() + counter.peak;
    return status;
}

int32_t colorizer_open_static(colorizer **out, void *buffer, uint64_t buffer_size, const void *model,
                              uint64_t model_size, const colorizer_options *options) {
    cz_source source;
    colorizer_options o;
    if (out == NULL) return cz_fail(&orphan, COLORIZER_E_ARGUMENT, "out: is NULL");
    *out = NULL;
    if (buffer == NULL) return cz_fail(&orphan, COLORIZER_E_ARGUMENT, "buffer: is NULL");
    if ((uintptr_t)buffer % CZ_ALIGN != 0)
        return cz_fail(&orphan, COLORIZER_E_WORKSPACE, "buffer: is not aligned to %u bytes", CZ_ALIGN);
    if (buffer_size < buffer_head() || buffer_size > SIZE_MAX)
        return cz_fail(&orphan, COLORIZER_E_WORKSPACE, "buffer_size: too small for a handle");
    int32_t status = read_source(&source, model, model_size, true, &orphan);
    if (status == COLORIZER_OK) status = read_static_options(&o, options, &orphan);
    if (status == COLORIZER_OK && o.alloc != NULL)
        status = cz_fail(&orphan, COLORIZER_E_ARGUMENT, "options.alloc: a static handle has no allocator");
    if (status != COLORIZER_OK) return status;
    cz_buffer *b = buffer;
    *b = (cz_buffer){.base = (unsigned char *)buffer + buffer_head(), .size = (size_t)buffer_size - buffer_head()};
    status = cz_handle_open(out, &source, &o, b, &orphan);
    return status == COLORIZER_E_MEMORY ? cz_fail(&orphan, COLORIZER_E_WORKSPACE, "buffer_size: too small") : status;
}

int32_t colorizer_clone(colorizer *c, colorizer **out) {
    if (out == NULL) return cz_fail(&orphan, COLORIZER_E_ARGUMENT, "out: is NULL");
    *out = NULL;
    const int32_t status = cz_api_enter(c);
    return status == COLORIZER_OK ? cz_api_leave(c, cz_handle_clone(out, c, &c->error)) : status;
}

void colorizer_close(colorizer *c) {
    if (c != NULL) cz_handle_close(c);
}

/* ---------------------------------------------------------------- colorizing */

/** In a static handle memory that does not suffice is the caller's buffer that is too small. */
static int32_t prepare(colorizer *c, uint32_t width, uint32_t height) {
    const int32_t status = cz_handle_prepare(c, width, height, &c->error);
    if (status != COLORIZER_E_MEMORY || c->buffer == NULL) return status;
    return cz_fail(&c->error, COLORIZER_E_WORKSPACE, "the static buffer is too small for %u x %u pixels", width,
                   height);
}

/** Analyzes src and, where dst is given, renders it. */
static int32_t colorize(colorizer *c, const colorizer_image *src, const colorizer_image *dst) {
    cz_pixels source, target;
    int32_t status = cz_image_check(src, CZ_IMAGE_SOURCE, "src", &source, &c->error);
    if (status == COLORIZER_OK && dst != NULL) status = cz_image_check(dst, CZ_IMAGE_TARGET, "dst", &target, &c->error);
    if (status == COLORIZER_OK && dst != NULL) status = cz_image_pair_check(&source, &target, &c->error);
    if (status == COLORIZER_OK) status = prepare(c, source.width, source.height);
    if (status != COLORIZER_OK) return status;
    const cz_exec exec = cz_handle_exec(c);
    const cz_settings settings = cz_api_settings(c);
    return cz_pipeline_run(c->pipeline, &exec, &source, dst == NULL ? NULL : &target, &settings, &c->error);
}

int32_t colorizer_colorize(colorizer *c, const colorizer_image *src, const colorizer_image *dst) {
    int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    atomic_store(&c->cancel, 0);
    status = dst == NULL ? cz_fail(&c->error, COLORIZER_E_ARGUMENT, "dst: is NULL") : colorize(c, src, dst);
    return cz_api_leave(c, status);
}

int32_t colorizer_analyze(colorizer *c, const colorizer_image *src) {
    const int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    atomic_store(&c->cancel, 0);
    return cz_api_leave(c, colorize(c, src, NULL));
}

/** The frame of a part of width x height pixels, and its mask; `grid` is that of the photograph analyzed. */
static int32_t read_region(const colorizer_region *region, const cz_grid *grid, uint32_t width, uint32_t height,
                           cz_frame *frame, const colorizer_image **mask, cz_error *err) {
    colorizer_region r = {.struct_size = sizeof r};
    const uint32_t size = region == NULL ? sizeof r : region->struct_size;
    *frame = (cz_frame){0, 0, width, height, NULL};
    *mask = NULL;
    if (region == NULL) return COLORIZER_OK;
    if (size < sizeof size || size > CZ_API_MAX_STRUCT || !cz_api_read(&r, sizeof r, region, size))
        return cz_fail(err, COLORIZER_E_ARGUMENT, "region.struct_size: %u, or fields this library does not know", size);
    *mask = r.mask;
    const bool own = r.frame_width == 0 && r.frame_height == 0;
    if (!own && (r.frame_width < 1 || r.frame_width > COLORIZER_MAX_SIDE || r.frame_height < 1 ||
                 r.frame_height > COLORIZER_MAX_SIDE))
        return cz_fail(err, COLORIZER_E_RANGE, "region: a frame of %d x %d", r.frame_width, r.frame_height);
    *frame = (cz_frame){(uint32_t)r.x, (uint32_t)r.y, own ? grid->width : (uint32_t)r.frame_width,
                        own ? grid->height : (uint32_t)r.frame_height, NULL};
    if (r.x < 0 || r.y < 0 || frame->width < width || frame->x > frame->width - width || frame->height < height ||
        frame->y > frame->height - height)
        return cz_fail(err, COLORIZER_E_RANGE, "region: %u x %u pixels at %d, %d are not inside %u x %u", width, height,
                       r.x, r.y, frame->width, frame->height);
    return COLORIZER_OK;
}

/** A part of a frame, checked. Not to be copied: the frame points at the mask. */
typedef struct {
    cz_pixels src, dst, mask;
    cz_frame frame;
} part;

static int32_t read_part(colorizer *c, const colorizer_image *src, const colorizer_image *dst,
                         const colorizer_region *region, part *p) {
    const colorizer_image *mask;
    int32_t status = cz_image_check(src, CZ_IMAGE_SOURCE, "src", &p->src, &c->error);
    if (status == COLORIZER_OK) status = cz_image_check(dst, CZ_IMAGE_TARGET, "dst", &p->dst, &c->error);
    if (status == COLORIZER_OK) status = cz_image_pair_check(&p->src, &p->dst, &c->error);
    if (status == COLORIZER_OK && (c->pipeline == NULL || !c->pipeline->analyzed))
        status = cz_fail(&c->error, COLORIZER_E_STATE, "no photograph is analyzed on this handle");
    if (status == COLORIZER_OK)
        status = read_region(region, &c->pipeline->job.grid, p->src.width, p->src.height, &p->frame, &mask, &c->error);
    if (status == COLORIZER_OK) status = cz_image_frame_check(&p->dst, &p->frame, &c->error);
    if (status != COLORIZER_OK || mask == NULL) return status;
    p->frame.mask = &p->mask;
    status = cz_image_check(mask, CZ_IMAGE_GRAY, "mask", &p->mask, &c->error);
    return status == COLORIZER_OK ? cz_image_mask_check(&p->mask, &p->dst, &c->error) : status;
}

static int32_t render_part(colorizer *c, const part *p, const cz_settings *settings) {
    cz_exec exec = cz_handle_exec(c);
    exec.threads = (uint32_t)cz_min(exec.threads, c->pipeline->threads); /* as many as have scratch there */
    return cz_pipeline_render(c->pipeline, &exec, &p->src, &p->dst, &p->frame, settings, &c->error);
}

static int32_t render(colorizer *c, const colorizer_image *src, const colorizer_image *dst,
                      const colorizer_region *region) {
    part p;
    const cz_settings settings = cz_api_settings(c);
    const int32_t status = read_part(c, src, dst, region, &p);
    return status == COLORIZER_OK ? render_part(c, &p, &settings) : status;
}

int32_t colorizer_render(colorizer *c, const colorizer_image *src, const colorizer_image *dst,
                         const colorizer_region *region) {
    const int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    atomic_store(&c->cancel, 0);
    return cz_api_leave(c, render(c, src, dst, region));
}

/* ---------------------------------------------------------------- strips */

/** What a host gives for rendering by strips; the images are copies whose height is that of the strip at hand. */
typedef struct {
    colorizer_image src, dst;
    colorizer_strip_fn read, write;
    void *user;
} strips;

static int32_t read_strip(colorizer *c, const strips *s, int32_t y, int32_t height, part *p) {
    const colorizer_region region = {
        .struct_size = sizeof region, .y = y, .frame_width = s->src.width, .frame_height = height};
    return read_part(c, &s->src, &s->dst, &region, p);
}

static int32_t cancelled(colorizer *c) { return cz_fail(&c->error, COLORIZER_E_CANCELLED, "the call was cancelled"); }

static int32_t render_strip(colorizer *c, const strips *s, int32_t y, int32_t height, const cz_settings *settings) {
    part p;
    if (s->read(s->user, &s->src, y) != 0) return cancelled(c);
    int32_t status = read_strip(c, s, y, height, &p);
    if (status == COLORIZER_OK) status = render_part(c, &p, settings);
    if (status == COLORIZER_OK && s->write(s->user, &s->dst, y) != 0) status = cancelled(c);
    return status;
}

static int32_t render_strips(colorizer *c, strips *s, int32_t height) {
    cz_settings settings = cz_api_settings(c);
    const int32_t rows = s->src.height;
    part p;
    settings.progress = NULL; /* that of a strip is not the call's */
    if (height < 1 || height > COLORIZER_MAX_SIDE)
        return cz_fail(&c->error, COLORIZER_E_RANGE, "height: %d is not in 1..%d", height, COLORIZER_MAX_SIDE);
    if (rows > height) s->src.height = s->dst.height = height;
    int32_t status = read_strip(c, s, 0, height, &p); /* where this one is right the others are */
    for (int32_t y = 0; status == COLORIZER_OK && y < height; y += rows) {
        s->src.height = s->dst.height = (int32_t)cz_min((size_t)rows, (size_t)(height - y));
        status = render_strip(c, s, y, height, &settings);
        const float share = (float)(y + s->src.height) / (float)height;
        if (status == COLORIZER_OK && c->progress != NULL && c->progress(c->progress_user, share) != 0)
            status = cancelled(c);
    }
    return status;
}

int32_t colorizer_render_strips(colorizer *c, const colorizer_image *src, const colorizer_image *dst, int32_t height,
                                colorizer_strip_fn read, colorizer_strip_fn write, void *user) {
    strips s = {.read = read, .write = write, .user = user};
    int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    atomic_store(&c->cancel, 0);
    if (read == NULL || write == NULL) status = cz_fail(&c->error, COLORIZER_E_ARGUMENT, "read, write: are NULL");
    if (status == COLORIZER_OK) status = cz_image_read(src, "src", &s.src, &c->error);
    if (status == COLORIZER_OK) status = cz_image_read(dst, "dst", &s.dst, &c->error);
    if (status == COLORIZER_OK && s.src.height != s.dst.height)
        status = cz_fail(&c->error, COLORIZER_E_IMAGE_SIZE, "dst.height: %d, but src.height is %d", s.dst.height,
                         s.src.height);
    if (status == COLORIZER_OK) status = render_strips(c, &s, height);
    return cz_api_leave(c, status);
}

/* ---------------------------------------------------------------- what was found */

static int32_t confidence(colorizer *c, const colorizer_image *dst) {
    cz_pixels target;
    const int32_t status = cz_image_check(dst, CZ_IMAGE_GRAY, "dst", &target, &c->error);
    if (status != COLORIZER_OK) return status;
    if (c->pipeline == NULL || !c->pipeline->analyzed)
        return cz_fail(&c->error, COLORIZER_E_STATE, "no photograph was colorized yet on this handle");
    cz_pipeline_confidence(c->pipeline, &target);
    return COLORIZER_OK;
}

int32_t colorizer_confidence(colorizer *c, const colorizer_image *dst) {
    const int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    return cz_api_leave(c, confidence(c, dst));
}

void colorizer_cancel(colorizer *c) {
    if (c != NULL) atomic_store(&c->cancel, 1);
}

/* ---------------------------------------------------------------- texts */

/** Copies at most size - 1 bytes of a UTF-8 text and ends it, not within a character. */
static uint64_t copy_text(char *buffer, uint64_t size, cz_text text) {
    if (size == 0) return text.size;
    size_t n = size - 1 < text.size ? (size_t)size - 1 : text.size;
    if (n < text.size)
        while (n > 0 && ((unsigned char)text.data[n] & 0xC0) == 0x80) n--;
    memcpy(buffer, text.data, n);
    buffer[n] = '\0';
    return text.size;
}

int32_t colorizer_metadata(colorizer *c, const char *key, char *buffer, uint64_t size, uint64_t *length) {
    if (key == NULL) return cz_fail(&orphan, COLORIZER_E_ARGUMENT, "key: is NULL");
    if (buffer == NULL && size != 0) return cz_fail(&orphan, COLORIZER_E_ARGUMENT, "buffer: is NULL");
    const int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    const cz_text *value = cz_model_find_metadata(c->shared->model, key);
    if (value == NULL)
        return cz_api_leave(c, cz_fail(&c->error, COLORIZER_E_KEY, "key: the model has no such metadata"));
    const uint64_t n = copy_text(buffer, size, *value);
    if (length != NULL) *length = n;
    return cz_api_leave(c, COLORIZER_OK);
}

uint64_t colorizer_last_error(colorizer *c, char *buffer, uint64_t size) {
    const char *text = c == NULL ? orphan.text : c->error.text;
    return copy_text(buffer, buffer == NULL ? 0 : size, (cz_text){text, (uint32_t)strlen(text)});
}

const char *colorizer_strerror(int32_t status) {
    static const char *const texts[] = {"done",
                                        "an argument is missing or wrong",
                                        "out of memory",
                                        "the model file could not be read",
                                        "not a well-formed .czw model",
                                        "the model needs a newer library",
                                        "the model is damaged: checksum mismatch",
                                        "the model is not a valid colorizer",
                                        "image size out of range or not equal",
                                        "pixel format or transfer does not serve here",
                                        "stride too small or not a multiple of a sample",
                                        "buffer too small or misaligned",
                                        "source and destination overlap",
                                        "unknown or unsuitable setting or key",
                                        "value out of range",
                                        "another call is running on this handle",
                                        "cancelled",
                                        "static buffer too small or misaligned",
                                        "this library was built without a model",
                                        "not in this build",
                                        "another call is needed first"};
    return status <= 0 && status > -(int32_t)CZ_COUNT(texts) ? texts[-status] : "unknown status";
}

/* ---------------------------------------------------------------- callbacks */

int32_t colorizer_set_log(colorizer *c, colorizer_log_fn log, void *user) {
    const int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    c->log = log;
    c->log_user = user;
    return cz_api_leave(c, COLORIZER_OK);
}

int32_t colorizer_set_progress(colorizer *c, colorizer_progress_fn progress, void *user) {
    const int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    c->progress = progress;
    c->progress_user = user;
    return cz_api_leave(c, COLORIZER_OK);
}

int32_t colorizer_set_runner(colorizer *c, colorizer_runner_fn runner, void *user) {
    const int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    c->runner = runner;
    c->runner_user = user;
    return cz_api_leave(c, COLORIZER_OK);
}

/* ---------------------------------------------------------------- versions */

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

const char *colorizer_version(void) {
    return TEXT(COLORIZER_VERSION_MAJOR) "." TEXT(COLORIZER_VERSION_MINOR) "." TEXT(COLORIZER_VERSION_PATCH);
}

uint32_t colorizer_abi_version(void) { return COLORIZER_ABI_MAJOR * 65536u + COLORIZER_ABI_MINOR; }
