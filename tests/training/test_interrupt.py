"""Ctrl-C and SIGTERM, sent for real."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from trainwell.training.interrupt import Stop, listening


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_becomes_a_flag_and_the_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with listening() as stop:
        assert stop.signal_name is None
        os.kill(os.getpid(), number)
        assert stop.signal_name == number.name
    assert signal.getsignal(number) is before


def test_handlers_come_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), listening():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_signal_acts_at_once() -> None:
    code = (
        "import os, signal, sys\nfrom trainwell.training.interrupt import listening\nwith listening() as stop:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n    print(stop.signal_name, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n    print('still here')\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "SIGTERM\n"
    assert result.returncode == -signal.SIGTERM


def test_another_thread_leaves_signals_to_the_program() -> None:
    before, found = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with listening() as stop:
            found.append((stop, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    [(stop, inside)] = found
    assert isinstance(stop, Stop)
    assert inside is before
