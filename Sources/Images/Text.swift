import Platform

extension Image {
    /// Draws a line of text in a small built-in font of printable ASCII; other characters are drawn as question marks.
    /// Clipped to the picture.
    ///
    /// - Parameters:
    ///   - text: the line of text.
    ///   - x: the left edge of the first character's cell.
    ///   - y: the upper edge of capitals and digits.
    ///   - scale: pixels per dot of the font, 2 by default. Capitals are 7 dots high, cells 6 wide.
    ///   - colour: the colour of the letters.
    ///   - halo: the colour of an outline of one dot around the letters, which keeps them readable on a photo.
    /// - Precondition: `scale` is at least 1.
    public mutating func drawText(
        _ text: String, x: Int, y: Int, scale: Int = 2, colour: Colour, halo: Colour? = nil
    ) {
        require(scale >= 1, "drawText: scale \(scale) is below 1")
        if let halo {
            drawDots(of: text, rim: 1, x: x, y: y, scale: scale, colour: halo)
        }
        drawDots(of: text, rim: 0, x: x, y: y, scale: scale, colour: colour)
    }

    /// The size of a text in pixels: from the top of capitals to the baseline, without the space after the last
    /// character.
    public static func textSize(_ text: String, scale: Int = 2) -> (width: Int, height: Int) {
        (max(0, text.count * 6 - 1) * scale, 7 * scale)
    }

    private mutating func drawDots(
        of text: String, rim: Int, x: Int, y: Int, scale: Int, colour: Colour
    ) {
        for (index, character) in text.enumerated() {
            let rows = Face.glyphs[character] ?? Face.glyphs["?"] ?? []
            for (row, bits) in rows.enumerated() {
                for column in 0..<5 where bits >> UInt8(4 - column) & 1 == 1 {
                    fill(
                        Box(
                            x: x + (index * 6 + column - rim) * scale,
                            y: y + (row - rim) * scale,
                            width: (1 + 2 * rim) * scale, height: (1 + 2 * rim) * scale),
                        with: colour)
                }
            }
        }
    }
}

/// A font of 5x7 dots, with two more rows below the baseline for descenders.
private enum Face {
    /// The rows of each character from top to bottom; the leftmost dot is bit 4.
    static let glyphs: [Character: [UInt8]] = {
        var glyphs = [Character: [UInt8]]()
        for line in drawings.split(separator: "\n") {
            guard let character = line.first else { continue }
            var rows = [UInt8]()
            var rest = line.dropFirst()
            while let bits = UInt8(rest.prefix(2), radix: 16) {
                rows.append(bits)
                rest = rest.dropFirst(2)
            }
            glyphs[character] = rows
        }
        return glyphs
    }()

    /// A character, then two hexadecimal digits a row.
    private static let drawings = """
         00
        !04040404040004
        "0A0A0000000000
        #0A0A1F0A1F0A0A
        $040F140E051E04
        %19190204081313
        &0C12140815120D
        '04040000000000
        (02040808080402
        )08040202020408
        *0004150E150400
        +0004041F040400
        ,000000000006060204
        -0000001F000000
        .00000000000C0C
        /01010204081010
        00E11131519110E
        1040C040404040E
        20E11010608101F
        30E11010601110E
        402060A121F0202
        51F101E0101110E
        60E10101E11110E
        71F010202040404
        80E11110E11110E
        90E11110F01010E
        :000C0C000C0C00
        ;000C0C000C0C0408
        <02040810080402
        =00001F001F0000
        >08040201020408
        ?0E110102040004
        @0E11171517100E
        A0E11111F111111
        B1E11111E11111E
        C0E11101010110E
        D1E11111111111E
        E1F10101E10101F
        F1F10101E101010
        G0E11101311110F
        H1111111F111111
        I0E04040404040E
        J0702020202120C
        K11121418141211
        L1010101010101F
        M111B1515111111
        N11191915131311
        O0E11111111110E
        P1E11111E101010
        Q0E11111115120D
        R1E11111E141211
        S0E11100E01110E
        T1F040404040404
        U1111111111110E
        V111111110A0A04
        W11111115151B11
        X11110A040A1111
        Y11110A04040404
        Z1F01020408101F
        [0E08080808080E
        \\10100804020101
        ]0E02020202020E
        ^040A1100000000
        _000000000000001F
        `08040000000000
        a00000E010F110F
        b10101E1111111E
        c00000E1110110E
        d01010F1111110F
        e00000E111F100E
        f06081E08080808
        g00000F1111110F010E
        h10101E11111111
        i04000C0404040E
        j02000602020202120C
        k10101214181412
        l0C04040404040E
        m00001A15151515
        n00001E11111111
        o00000E1111110E
        p00001E1111111E1010
        q00000F1111110F0101
        r00001618101010
        s00000F100E011E
        t08081E08080806
        u0000111111110F
        v000011110A0A04
        w0000111515150A
        x0000110A040A11
        y0000111111110F010E
        z00001F0204081F
        {06040408040406
        |04040404040404
        }0C04040204040C
        ~00000815020000
        """
}
