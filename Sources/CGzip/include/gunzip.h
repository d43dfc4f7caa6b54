#ifndef INFLUENCEKIT_GUNZIP_H
#define INFLUENCEKIT_GUNZIP_H

// Unpacks gzip through zlib. Only descriptors and numbers cross into Swift, so that nothing there holds an
// address; zlib itself speaks in addresses of buffers.

// What the last byte of unpacked bytes says.
enum influence_gunzip_end {
  influence_gunzip_whole = 0,
  // A header, the packed data or a checksum is wrong.
  influence_gunzip_damaged = 1,
  // The file ends inside a member.
  influence_gunzip_cut_short = 2,
  // Behind the last member comes something that is neither a member nor zeros.
  influence_gunzip_garbage = 3,
  // The system failed to read the file, or had no memory.
  influence_gunzip_unreadable = 4,
};

// Unpacks what `source` gives from where it stands, in a thread of its own. The descriptor that this returns
// gives the bytes of all members, one after the other, and then one byte of `influence_gunzip_end`. Whoever
// closes it earlier ends the thread. Gives -1 where there are no descriptors, memory or threads left, and
// leaves `source` open.
int influence_gunzip(int source);

#endif
