#!/usr/bin/perl
# confine.pl [--die-with-parent] [--data BYTES] [--open-files N] [--processes N] [--no-sockets] [--no-signals]
#            [--write PATH]... [--devices] -- COMMAND...
#
# Takes from this process what an instance of a function may not have, and becomes COMMAND. In Perl, because that is on
# every node, starts in 2 ms and can make any system call; a program in C would need a compiler on the node. Linux,
# x86-64 and arm64. Whatever cannot be done is an error: the agent tries it on a command that does nothing first.
#
# --write is Landlock's: no other path can be changed, also by way of a link, and by nothing that the command starts;
# what processes outside have in memory is closed with it. --devices adds what programs expect to be able to write: devices (not
# the memory below /dev/shm) and their own /proc. --no-signals keeps signals inside (Landlock ABI 6, Linux 6.12).
# --no-sockets is a filter of seccomp: no sockets but Unix ones, and no io_uring, which could make them, too.
use strict;

# By the machine that this perl was built for, as its own file says it (ELF, e_machine). Neither Config nor glob, which would load a
# library: together they were more than half of what this takes.
my %calls = (
    62  => { arch => 0xc000003e, prctl => 157, prlimit64 => 302, socket => 41 },     # x86-64
    183 => { arch => 0xc00000b7, prctl => 167, prlimit64 => 261, socket => 198 },    # arm64
);
my ($landlock_create_ruleset, $landlock_add_rule, $landlock_restrict_self) = (444, 445, 446);
my $io_uring_setup = 425;

my %option = (write => []);
while (@ARGV and (my $word = shift @ARGV) ne '--') {
    if    ($word eq '--write')                                        { push @{ $option{write} }, shift @ARGV }
    elsif ($word =~ /^--(data|open-files|processes)$/)                { $option{$1} = shift @ARGV }
    elsif ($word =~ /^--(die-with-parent|devices|no-sockets|no-signals)$/) { $option{$1} = 1 }
    else                                                              { die "confine: unknown option $word\n" }
}
@ARGV or die "confine: no command\n";

open(my $perl, '<:raw', '/proc/self/exe') or die "confine: /proc/self/exe: $!\n";
read($perl, my $elf, 20) == 20 or die "confine: /proc/self/exe: $!\n";
my $machine = unpack 'x18 S', $elf;
my $call = $calls{$machine} or die "confine: $machine is no machine that this knows\n";

sub attempt {
    my ($what, @arguments) = @_;
    my $result = syscall(shift @arguments, @arguments);
    $result >= 0 or die "confine: $what: $!\n";
    return $result;
}

my ($pr_set_pdeathsig, $pr_set_no_new_privs, $pr_set_seccomp) = (1, 38, 22);
if ($option{'die-with-parent'}) {
    attempt('parent-death signal', $call->{prctl}, $pr_set_pdeathsig, 9, 0, 0, 0);
}
attempt('no_new_privs', $call->{prctl}, $pr_set_no_new_privs, 1, 0, 0, 0);

my %resource = (data => 2, core => 4, processes => 6, 'open-files' => 7);
sub limit {
    my ($name, $value) = @_;
    attempt("limit of $name", $call->{prlimit64}, 0, $resource{$name}, pack('QQ', $value, $value), 0);
}
limit('core', 0);
limit($_, $option{$_}) for grep { defined $option{$_} } qw(data open-files processes);

# Access rights of Landlock, bits of a 64-bit mask: write, remove and make of every kind; then move and cut.
my ($write_file, $change, $refer, $truncate) = (1 << 1, 0x1ff2, 1 << 13, 1 << 14);
my $scope_signal = 2;

sub restrict {
    my $abi = attempt('Landlock', $landlock_create_ruleset, 0, 0, 1);
    $change |= $refer    if $abi >= 2;
    $change |= $truncate if $abi >= 3;
    $abi >= 6 or !$option{'no-signals'} or die "confine: signals need ABI 6 of Landlock, here is $abi\n";
    my $handled = @{ $option{write} } ? $change : 0;
    my $scoped = $option{'no-signals'} ? $scope_signal : 0;
    my $attributes = $abi >= 6 ? pack('QQQ', $handled, 0, $scoped) : pack('Q', $handled);
    my $rules = attempt('rules', $landlock_create_ruleset, $attributes, length $attributes, 0);
    allow($rules, $_) for @{ $option{write} };
    if ($option{devices}) {
        opendir(my $devices, '/dev') or die "confine: /dev: $!\n";
        my @devices = map { "/dev/$_" } grep { !/^(?:\.|shm$|mqueue$|hugepages$)/ } readdir $devices;
        allow($rules, $_) for '/proc/self', grep { !-l } @devices;
    }
    attempt('restriction', $landlock_restrict_self, $rules, 0);
}

# A path that is not there cannot be written either.
sub allow {
    my ($rules, $path) = @_;
    sysopen(my $handle, $path, 010000000) or return;    # O_PATH
    my $rights = -d $path ? $change : $change & ($write_file | $truncate);
    attempt("rule for $path", $landlock_add_rule, $rules, 1, pack('Ql', $rights, fileno $handle), 0);
}

restrict() if @{ $option{write} } or $option{'no-signals'};

# Classic BPF over struct seccomp_data: nr at 0, arch at 4, the first argument's low word at 16.
sub filter {
    my ($load, $equal, $above, $return) = (0x20, 0x15, 0x35, 0x06);
    my ($allow, $access_denied, $not_there) = (0x7fff0000, 0x00050000 | 13, 0x00050000 | 38);
    my @program = (
        [ $load,   0, 0, 4 ],
        [ $equal,  0, 7, $call->{arch} ],
        [ $load,   0, 0, 0 ],
        [ $above,  5, 0, 0x40000000 ],    # x32, which numbers its calls otherwise
        [ $equal,  4, 0, $io_uring_setup ],
        [ $equal,  0, 4, $call->{socket} ],
        [ $load,   0, 0, 16 ],
        [ $equal,  2, 0, 1 ],             # AF_UNIX
        [ $return, 0, 0, $access_denied ],
        [ $return, 0, 0, $not_there ],
        [ $return, 0, 0, $allow ],
    );
    my $code = join '', map { pack 'SCCL', @$_ } @program;
    my $header = pack 'S x6 P', scalar @program, $code;
    attempt('filter of calls', $call->{prctl}, $pr_set_seccomp, 2, $header, 0, 0);
}

filter() if $option{'no-sockets'};

exec { $ARGV[0] } @ARGV or die "confine: $ARGV[0]: $!\n";
