#include "daemon/config/lex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Larger than any configuration: a device without end must not fill the memory. */
#define FILE_SIZE_MAX ((size_t)1 << 30)

void
lex_files_free(struct lex_file *file)
{
	while (file != NULL) {
		struct lex_file *next = file->next;

		free(file->text);
		free(file);
		file = next;
	}
}

struct place
spot_place(const struct spot *spot)
{
	const char *source = spot->file->text + spot->line_at;
	size_t left = spot->file->len - spot->line_at;
	const char *end = memchr(source, '\n', left);

	return (struct place){
		.file = spot->file->path, .line = spot->line, .column = spot->column,
		.source = source, .source_len = end != NULL ? (size_t)(end - source) : left,
	};
}

static int
read_all(int fd, struct lex_file *file)
{
	size_t room = 4096;
	ssize_t got;

	file->text = xmalloc(room);
	while ((got = read(fd, file->text + file->len, room - file->len)) != 0) {
		if (got < 0)
			return -errno;
		file->len += (size_t)got;
		if (file->len == FILE_SIZE_MAX)
			return -EFBIG;
		if (file->len == room)
			file->text = xrealloc(file->text, room *= 2);
	}
	return 0;
}

int
lex_open(struct lex *lex, struct lex *parent, const char *path, struct arena *arena,
    struct lex_file **files, struct sink *sink)
{
	struct lex_file *file = xcalloc(1, sizeof(*file));
	struct stat st;
	int fd, err = 0;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 || fstat(fd, &st) < 0)
		err = -errno;
	else
		err = read_all(fd, file);
	if (fd >= 0)
		close(fd);
	if (err != 0) {
		lex_files_free(file);
		return err;
	}
	file->path = arena_strdup(arena, path);
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->next = *files;
	*files = file;
	*lex = (struct lex){ .parent = parent, .file = file, .line = 1, .sink = sink };
	lex_next(lex);
	return 0;
}

void
lex_close(struct lex *lex)
{
	free(lex->buffer);
}

static int
peek(const struct lex *lex, size_t ahead)
{
	size_t at = lex->at + ahead;

	return at < lex->file->len ? (unsigned char)lex->file->text[at] : -1;
}

static void
step(struct lex *lex)
{
	if (lex->file->text[lex->at++] == '\n') {
		lex->line++;
		lex->line_at = lex->at;
	}
}

static struct spot
here(const struct lex *lex)
{
	return (struct spot){ .file = lex->file, .line = lex->line,
		.column = (uint32_t)(lex->at - lex->line_at) + 1, .line_at = lex->line_at };
}

static void
complain(struct lex *lex, const struct spot *spot, const char *text)
{
	struct place place = spot_place(spot);

	report_at(lex->sink, ERROR, &place, "%s", text);
}

static bool
at_comment(const struct lex *lex)
{
	return peek(lex, 0) == '#' ||
	    (peek(lex, 0) == '/' && (peek(lex, 1) == '/' || peek(lex, 1) == '*'));
}

static void
skip_comment(struct lex *lex)
{
	struct spot start = here(lex);

	if (peek(lex, 0) == '#' || peek(lex, 1) == '/') {
		while (peek(lex, 0) != -1 && peek(lex, 0) != '\n')
			step(lex);
		return;
	}
	step(lex);
	step(lex);
	while (!(peek(lex, 0) == '*' && peek(lex, 1) == '/')) {
		if (peek(lex, 0) == -1) {
			complain(lex, &start, "this comment is not closed");
			return;
		}
		step(lex);
	}
	step(lex);
	step(lex);
}

static bool
is_space(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
ends_word(int c)
{
	return c == -1 || is_space(c) || c < ' ' || c == 0x7f || strchr("{};,!\"", c) != NULL;
}

static void
keep(struct lex *lex, char c)
{
	if (lex->token.len + 1 >= lex->room)
		lex->buffer = xrealloc(lex->buffer, lex->room = lex->room * 2 + 64);
	lex->buffer[lex->token.len++] = c;
}

/* A string ends on its line, so that a forgotten quote is found where it was forgotten. */
static void
read_string(struct lex *lex)
{
	int c;

	lex->token.kind = TOKEN_STRING;
	step(lex);
	while ((c = peek(lex, 0)) != '"') {
		if (c == '\\' && (peek(lex, 1) == '"' || peek(lex, 1) == '\\')) {
			step(lex);
			c = peek(lex, 0);
		}
		if (c == -1 || c == '\n') {
			complain(lex, &lex->token.spot, "this string is not closed on its line");
			return;
		}
		if (c == '\0')
			complain(lex, &lex->token.spot, "this string holds a NUL octet");
		else
			keep(lex, (char)c);
		step(lex);
	}
	step(lex);
}

static void
read_word(struct lex *lex)
{
	lex->token.kind = TOKEN_WORD;
	while (!ends_word(peek(lex, 0)) && !at_comment(lex)) {
		keep(lex, lex->file->text[lex->at]);
		step(lex);
	}
}

void
lex_next(struct lex *lex)
{
	static const struct { char c; enum token_kind kind; } marks[] = {
		{ '{', TOKEN_OPEN }, { '}', TOKEN_CLOSE }, { ';', TOKEN_SEMICOLON },
		{ ',', TOKEN_COMMA }, { '!', TOKEN_NOT },
	};
	struct token *token = &lex->token;

	for (;;) {
		int c = peek(lex, 0);

		if (at_comment(lex))
			skip_comment(lex);
		else if (is_space(c))
			step(lex);
		else if (c != -1 && (c < ' ' || c == 0x7f)) {
			struct spot spot = here(lex);

			complain(lex, &spot, "a control character does not belong here");
			step(lex);
		} else
			break;
	}
	token->spot = here(lex);
	token->len = 0;
	token->kind = TOKEN_END;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (peek(lex, 0) == marks[i].c) {
			token->kind = marks[i].kind;
			keep(lex, marks[i].c);
			step(lex);
			break;
		}
	if (token->kind == TOKEN_END && peek(lex, 0) == '"')
		read_string(lex);
	else if (token->kind == TOKEN_END && peek(lex, 0) != -1)
		read_word(lex);
	keep(lex, '\0');
	token->len--;
	token->text = lex->buffer;
	token->end = here(lex);
}
