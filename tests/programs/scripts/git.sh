# git: a repository made, three commits, a branch merged, a conflict, a clone, and its checks.
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1
git init -q -b main repository; cd repository
seq 1 100 >numbers; mkdir d; echo text >d/file; git add .; git commit -qm one; echo "status $?"
git checkout -qb side; sed -i 's/^50$/fifty/' numbers; git commit -qam two
git checkout -q main; echo more >>d/file; git commit -qam three
git merge -q --no-edit side; git log --oneline --graph
git diff --stat HEAD~1; git show --format=%s%n%an side | head -n 20
echo theirs >d/file; git commit -qam theirs; git checkout -qb other HEAD~1; echo ours >d/file; git commit -qam ours
git merge main; echo "status $?"; git status --short; git merge --abort
git tag v1; git describe; git rev-parse HEAD; git ls-tree -r HEAD
cd ..; git clone -q repository copy; cd copy; git fsck --full 2>&1; git gc -q; git count-objects
git log --format=%H%d; git blame -s d/file; git grep -n fifty; git nonsense; echo "status $?"
