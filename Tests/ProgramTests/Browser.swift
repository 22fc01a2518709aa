import Foundation

/// A headless Chromium, driven by the DevTools protocol through two named pipes.
final class Browser {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The first of Chromium's names that is on the path.
    static let executable: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        for name in [
            "chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "chrome",
        ] {
            for folder in folders {
                let path = "\(folder)/\(name)"
                if FileManager.default.isExecutableFile(atPath: path) { return path }
            }
        }
        return nil
    }()

    private let folder = TemporaryFolder()
    private let process = Process()
    private let commands: Int32
    private let replies: Int32
    private var buffer: [UInt8] = []
    private var number = 0
    private var session: String?
    /// The URLs that the page has requested, without `data:`.
    private(set) var requests: [String] = []
    /// The page's exceptions and logged errors.
    private(set) var errors: [String] = []

    init(width: Int, height: Int, isPhone: Bool = false) throws {
        guard let executable = Browser.executable else {
            throw Failure(description: "no Chromium on the path")
        }
        for name in ["commands", "replies"] where mkfifo(folder[name], 0o600) != 0 {
            throw Failure(description: "mkfifo failed: \(String(cString: strerror(errno)))")
        }
        // Opened for reading and writing, so that opening does not wait for the other end.
        commands = open(folder["commands"], O_RDWR | O_CLOEXEC)
        replies = open(folder["replies"], O_RDWR | O_CLOEXEC)
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // The sandbox does not work for root, and the page can be trusted.
        process.arguments =
            [
                "-c", #"exec "$0" "$@" 3<commands 4>replies 2>/dev/null"#, executable,
                "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
                "--disable-dev-shm-usage", "--user-data-dir=" + folder["profile"], "about:blank",
            ]
        process.currentDirectoryURL = folder.url
        try process.run()
        let target = try call("Target.createTarget", ["url": "about:blank"])["targetId"] ?? ""
        session =
            try call("Target.attachToTarget", ["targetId": target, "flatten": true])["sessionId"]
            as? String
        for domain in ["Page", "Network", "Runtime", "Log"] { _ = try call(domain + ".enable") }
        _ = try call(
            "Emulation.setDeviceMetricsOverride",
            [
                "width": width, "height": height, "deviceScaleFactor": isPhone ? 2 : 1,
                "mobile": isPhone,
            ])
        _ = try call("Emulation.setTouchEmulationEnabled", ["enabled": isPhone])
    }

    deinit {
        // The whole process group, since Debian's `chromium` is a script that waits for the browser.
        kill(-process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        close(commands)
        close(replies)
    }

    /// Loads a page and waits for its load event.
    func load(_ path: String) throws {
        requests = []
        errors = []
        _ = try call("Page.navigate", ["url": URL(fileURLWithPath: path).absoluteString])
        while try receive()["method"] as? String != "Page.loadEventFired" {}
    }

    /// The value of an expression; a promise is awaited.
    func evaluate(_ expression: String) throws -> Any? {
        let reply = try call(
            "Runtime.evaluate",
            ["expression": expression, "returnByValue": true, "awaitPromise": true])
        if let exception = reply["exceptionDetails"] { throw Failure(description: "\(exception)") }
        return (reply["result"] as? [String: Any])?["value"]
    }

    func press(_ key: String) throws {
        for type in ["keyDown", "keyUp"] {
            _ = try call("Input.dispatchKeyEvent", ["type": type, "key": key])
        }
        try waitForFrame()
    }

    func moveMouse(x: Double, y: Double) throws {
        _ = try call("Input.dispatchMouseEvent", ["type": "mouseMoved", "x": x, "y": y])
        try waitForFrame()
    }

    func click(x: Double, y: Double) throws {
        try moveMouse(x: x, y: y)
        for type in ["mousePressed", "mouseReleased"] {
            _ = try call(
                "Input.dispatchMouseEvent",
                ["type": type, "x": x, "y": y, "button": "left", "clickCount": 1])
        }
        try waitForFrame()
    }

    func tap(x: Double, y: Double) throws {
        _ = try call(
            "Input.dispatchTouchEvent", ["type": "touchStart", "touchPoints": [["x": x, "y": y]]])
        _ = try call("Input.dispatchTouchEvent", ["type": "touchEnd", "touchPoints": [Any]()])
        try waitForFrame()
    }

    private func waitForFrame() throws {
        _ = try evaluate(
            "new Promise(go => requestAnimationFrame(() => requestAnimationFrame(() => go(0))))")
    }

    private func call(_ method: String, _ values: [String: Any] = [:]) throws -> [String: Any] {
        number += 1
        var message: [String: Any] = ["id": number, "method": method, "params": values]
        if let session { message["sessionId"] = session }
        let bytes = [UInt8](try JSONSerialization.data(withJSONObject: message)) + [0]
        guard write(commands, bytes, bytes.count) == bytes.count else {
            throw Failure(description: "\(method) could not be sent")
        }
        while true {
            let reply = try receive()
            guard reply["id"] as? Int == number else { continue }
            guard let result = reply["result"] as? [String: Any] else {
                throw Failure(description: "\(method): \(reply)")
            }
            return result
        }
    }

    /// Receives the next message, and records a request or an error that it reports.
    private func receive() throws -> [String: Any] {
        while !buffer.contains(0) {
            var events = pollfd(fd: replies, events: Int16(POLLIN), revents: 0)
            guard poll(&events, 1, 60_000) == 1, process.isRunning else {
                throw Failure(description: "Chromium does not answer")
            }
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(replies, &chunk, chunk.count)
            guard count > 0 else { throw Failure(description: "Chromium's pipe is broken") }
            buffer += chunk[..<count]
        }
        let end = buffer.firstIndex(of: 0) ?? 0
        let message = try JSONSerialization.jsonObject(with: Data(buffer[..<end]))
        buffer.removeSubrange(...end)
        let reply = message as? [String: Any] ?? [:]
        let values = reply["params"] as? [String: Any] ?? [:]
        switch reply["method"] as? String {
        case "Network.requestWillBeSent":
            let url = (values["request"] as? [String: Any])?["url"] as? String ?? "?"
            if !url.hasPrefix("data:") { requests.append(url) }
        case "Runtime.exceptionThrown": errors.append("\(values)")
        case "Log.entryAdded":
            let entry = values["entry"] as? [String: Any]
            if entry?["level"] as? String == "error" { errors.append("\(values)") }
        default: break
        }
        return reply
    }
}
