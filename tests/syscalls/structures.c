/* Prints where the compiler puts the fields of the structures that file system calls fill in.
 * One line each: structure, field, offset; the field "sizeof" is the size. The user headers of
 * the kernel are asked, not those of a libc. */
#include <stddef.h>
#include <stdio.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/stat.h>

#define FIELD(type, field) printf("%s %s %zu\n", #type, #field, offsetof(struct type, field));
#define SIZE(type) printf("%s sizeof %zu\n", #type, sizeof(struct type));

#define STAT(type) \
    FIELD(type, st_dev) FIELD(type, st_ino) FIELD(type, st_mode) FIELD(type, st_nlink) \
    FIELD(type, st_uid) FIELD(type, st_gid) FIELD(type, st_rdev) FIELD(type, st_size) \
    FIELD(type, st_blksize) FIELD(type, st_blocks) FIELD(type, st_atime) \
    FIELD(type, st_atime_nsec) FIELD(type, st_mtime) FIELD(type, st_mtime_nsec) \
    FIELD(type, st_ctime) FIELD(type, st_ctime_nsec) SIZE(type)

#define STATFS(type) \
    FIELD(type, f_type) FIELD(type, f_bsize) FIELD(type, f_blocks) FIELD(type, f_bfree) \
    FIELD(type, f_bavail) FIELD(type, f_files) FIELD(type, f_ffree) \
    printf("%s f_fsid0 %zu\n", #type, offsetof(struct type, f_fsid)); \
    printf("%s f_fsid1 %zu\n", #type, offsetof(struct type, f_fsid) + 4); \
    FIELD(type, f_namelen) FIELD(type, f_frsize) FIELD(type, f_flags) SIZE(type)

#define FLOCK(type) \
    FIELD(type, l_type) FIELD(type, l_whence) FIELD(type, l_start) FIELD(type, l_len) \
    FIELD(type, l_pid) SIZE(type)

#define STATX_TIME(name) \
    printf("statx %s %zu\n", #name, offsetof(struct statx, name.tv_sec)); \
    printf("statx %s_nsec %zu\n", #name, offsetof(struct statx, name.tv_nsec));

int main(void)
{
    STAT(stat)
    STATFS(statfs)
    FLOCK(flock)
#ifdef __i386__
    STAT(stat64)
    FIELD(stat64, __st_ino)
    STATFS(statfs64)
    FLOCK(flock64)
#endif
    FIELD(statx, stx_mask) FIELD(statx, stx_blksize) FIELD(statx, stx_attributes)
    FIELD(statx, stx_nlink) FIELD(statx, stx_uid) FIELD(statx, stx_gid) FIELD(statx, stx_mode)
    FIELD(statx, stx_ino) FIELD(statx, stx_size) FIELD(statx, stx_blocks)
    FIELD(statx, stx_attributes_mask)
    STATX_TIME(stx_atime) STATX_TIME(stx_btime) STATX_TIME(stx_ctime) STATX_TIME(stx_mtime)
    FIELD(statx, stx_rdev_major) FIELD(statx, stx_rdev_minor)
    FIELD(statx, stx_dev_major) FIELD(statx, stx_dev_minor) FIELD(statx, stx_mnt_id)
    SIZE(statx)
    return 0;
}
