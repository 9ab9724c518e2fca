# Five steps that show a cluster at work: start three containers, find the leader, write, stop the
# leader and see another one take over, read back what was written. Needs Docker with Compose.
# test_cluster.sh is the same for a POSIX shell.
#
#   powershell -ExecutionPolicy Bypass -File scripts\test_cluster.ps1 [-KeepVolumes]
#
# Exit status 0 if every step went well, 1 if one did not, 2 if it could not begin. The containers
# have a project name of their own and are removed at the end; so are their volumes, unless told
# otherwise.
param([switch]$KeepVolumes)

$Project = 'raft-lab-test'
$StartSeconds = 60
$ElectionSeconds = 30
$Key = 'test-cluster'
$Value = 'written-' + [guid]::NewGuid().ToString('N')
$Services = @{ 8001 = 'node1'; 8002 = 'node2'; 8003 = 'node3' }

function Compose {
    & docker compose --project-name $Project @args
}

# Not localhost: Windows asks ::1 first, where nothing is published, and waits for it.
function Ask([int]$Port, [string]$Path) {
    try {
        return Invoke-RestMethod -Uri "http://127.0.0.1:$Port$Path" -TimeoutSec 5
    } catch {
        return $null
    }
}

function WaitFor([int]$Seconds, [scriptblock]$Condition) {
    $deadline = (Get-Date).AddSeconds($Seconds)
    while ($true) {
        $found = & $Condition
        if ($found) { return $found }
        if ((Get-Date) -ge $deadline) { return $null }
        Start-Sleep -Milliseconds 200
    }
}

function Leader([int[]]$Ports) {
    foreach ($port in $Ports) {
        $health = Ask $port '/health'
        if ($health -and $health.role -eq 'leader') { return $port }
    }
    return $null
}

function AllReady {
    foreach ($port in 8001, 8002, 8003) {
        if (-not (Ask $port '/ready')) { return $false }
    }
    return $true
}

function Test-Cluster {
    Write-Host '1/5 start: three containers, built from this directory'
    Compose up --detach --build node1 node2 node3 | Out-Host
    if ($LASTEXITCODE -ne 0) { throw 'compose up ended with an error' }
    if (-not (WaitFor $StartSeconds { AllReady })) {
        throw "not all of ports 8001 to 8003 were ready in $StartSeconds s"
    }
    Write-Host '    ok: all three are ready'

    Write-Host '2/5 find the leader: GET /health'
    $first = WaitFor $ElectionSeconds { Leader @(8001, 8002, 8003) }
    if (-not $first) { throw "nobody led within $ElectionSeconds s" }
    $health = Ask $first '/health'
    if (-not $health) { throw "/health on port $first gave no answer" }
    $service = $Services[[int]$first]
    $term = $health.term
    Write-Host "    ok: $service on port $first leads in term $term"

    Write-Host '3/5 write: POST /kv/put'
    $body = @{ key = $Key; value = $Value } | ConvertTo-Json -Compress
    $answer = Invoke-RestMethod -Uri "http://127.0.0.1:$first/kv/put" -Method Post `
        -ContentType 'application/json' -Body $body -TimeoutSec 5
    if ($answer.status -ne 'ok') { throw "the leader did not accept the write: $answer" }
    Write-Host "    ok: index $($answer.index), term $($answer.term)"

    Write-Host "4/5 stop the leader: docker compose stop $service"
    $others = @(8001, 8002, 8003 | Where-Object { $_ -ne $first })
    Compose stop $service | Out-Host
    if ($LASTEXITCODE -ne 0) { throw "compose stop $service ended with an error" }
    $second = WaitFor $ElectionSeconds { Leader $others }
    if (-not $second) { throw "nobody led within $ElectionSeconds s" }
    $health = Ask $second '/health'
    if (-not $health) { throw "/health on port $second gave no answer" }
    if ($health.term -le $term) { throw "expected a term after $term, got $($health.term)" }
    Write-Host "    ok: $($health.id) on port $second leads in term $($health.term)"

    Write-Host '5/5 read back: /kv/get from the new leader, /items from the old one, started again'
    $read = WaitFor $ElectionSeconds { (Ask $second "/kv/get?key=$Key").value -eq $Value }
    if (-not $read) { throw "expected $Value on port $second" }
    Compose start $service | Out-Host
    if ($LASTEXITCODE -ne 0) { throw "compose start $service ended with an error" }
    $read = WaitFor $StartSeconds { (Ask $first "/items/$Key").value -eq $Value }
    if (-not $read) { throw "expected $Value on port $first" }
    Write-Host "    ok: $Value from both"
}

Set-Location (Join-Path $PSScriptRoot '..')
if (-not (Get-Command docker -ErrorAction SilentlyContinue)) {
    Write-Host 'test_cluster: docker is missing: install Docker with Compose'
    exit 2
}
& docker version | Out-Null
if ($LASTEXITCODE -ne 0) {
    Write-Host 'test_cluster: no Docker engine answers: start it and run this again'
    exit 2
}

$status = 0
try {
    Test-Cluster
    Write-Host 'all five steps went well'
} catch {
    Write-Host "FAILED: $($_.Exception.Message)"
    Compose logs --tail 20 | Out-Host
    $status = 1
} finally {
    Write-Host 'removing the containers'
    if ($KeepVolumes) { Compose down | Out-Null } else { Compose down --volumes | Out-Null }
}
exit $status
